"""Which hands are drawn for what."""

from dataclasses import replace

import numpy as np
import pytest

from db.vocabulary import Sex
from training import hand, phantom
from training.cases import Part
from training.sources.phantoms import Drawn, phantoms


def test_no_hand_serves_two_purposes() -> None:
    seeds = [{case.picture.seed for case in phantoms(part, 50)} for part in Part]
    assert len(set.union(*seeds)) == 200


def test_fewer_hands_are_the_first_of_more() -> None:
    assert phantoms(Part.TEST, 5) == phantoms(Part.TEST, 20)[:5]


def test_ages_reach_both_ends_and_gather_where_radiographs_are() -> None:
    hands = phantoms(Part.TRAINING, 4000)
    months = np.array([hand.bone_age_months for hand in hands])
    assert months.min() >= 1
    assert months.max() <= 228
    # Within one SD (41) of 127 months: half of 2 · 41.2 / 227 = 36%, half of 68%, together 52%.
    assert np.mean(np.abs(months - 127.3) < 41.2) == pytest.approx(0.52, abs=0.03)
    assert np.mean([hand.sex is Sex.MALE for hand in hands]) == pytest.approx(0.5, abs=0.03)


def test_the_truer_hands_have_the_ages_sexes_and_seeds_of_the_others() -> None:
    plain, truer = phantoms(Part.TEST, 4), phantoms(Part.TEST, 4, "hand")
    assert [replace(case.picture, drawing="phantom") for case in truer] == [case.picture for case in plain]
    assert [replace(case, picture=None) for case in truer] == [replace(case, picture=None) for case in plain]


def test_each_drawing_is_drawn_by_its_own_package() -> None:
    (plain,), (truer,) = phantoms(Part.TEST, 1), phantoms(Part.TEST, 1, "hand")
    months, sex, seed = plain.bone_age_months, plain.sex, plain.picture.seed
    assert np.array_equal(plain.picture.standard_radiograph(64), phantom.draw(months, sex, seed, 64).image)
    assert np.array_equal(truer.picture.standard_radiograph(64), hand.draw(months, sex, seed, 64).image)


def test_of_both_drawings_every_fourth_hand_is_the_phantoms() -> None:
    hands = phantoms(Part.TRAINING, 8, "both")
    assert [case.picture.drawing for case in hands] == ["phantom", "hand", "hand", "hand"] * 2
    assert (
        Drawn(8, "both").description == "hands drawn by training.phantom and training.hand; no radiograph of a patient"
    )
