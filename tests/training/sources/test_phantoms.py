"""Which hands are drawn for what."""

import numpy as np
import pytest

from db.vocabulary import Sex
from training.cases import Part
from training.sources.phantoms import phantoms


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
