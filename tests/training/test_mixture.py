"""What of a site and of a base set is for what in a fine-tuning."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from db.vocabulary import CalibratedOn
from tests.narrow_bundle import card
from tests.training.sites import site_of
from tests.training.tiny import tiny
from training import calibrate
from training.base import Base, base_of, beside, drawn_base
from training.cases import DataError, Part
from training.mixture import Mixture
from training.sources.phantoms import phantoms
from training.sources.source import Collected
from training.split import LeakError
from worker.bundle import Bundle

RECIPE = tiny("cnn_128_regression", "refresh.base_cases=3", "phantoms.calibration=4")
PARENT = Bundle(Path(), card(), "0" * 64)


def mixed(folder: Path, base: Base | None, **counts: int) -> Mixture:
    return Mixture(PARENT, site_of(**counts), base, folder, 1)


def test_the_drawn_base_set_is_the_first_hands_of_each_part() -> None:
    base = drawn_base(RECIPE)
    assert [case.name for case in base.training] == ["phantom 0", "phantom 1", "phantom 2"]
    assert [case.name for case in base.test] == ["phantom 2000000000", "phantom 2000000001", "phantom 2000000002"]
    assert len(base.calibration) == 4
    assert not base.are_radiographs


def test_the_drawn_base_set_is_drawn_as_the_recipe_says() -> None:
    base = drawn_base(tiny("cnn_128_regression", "refresh.base_cases=2", "phantoms.drawing='hand'"))
    assert base.description == "hands drawn by training.hand; no radiograph of a patient"
    assert {case.picture.drawing for case in (*base.training, *base.test, *base.calibration)} == {"hand"}


def test_a_base_set_of_many_is_the_same_some_each_time_by_the_recipes_split() -> None:
    source = Collected("500 radiographs", tuple(phantoms(Part.TRAINING, 40)))
    base, again = base_of(source, RECIPE), base_of(source, RECIPE)
    assert base == again
    assert (len(base.training), len(base.test)) == (3, 3)
    parts = source.parts(RECIPE.split.fractions, RECIPE.fit.seed)
    assert set(base.training) < set(parts[Part.TRAINING])
    assert set(base.test) < set(parts[Part.TEST])
    assert base.calibration == parts[Part.CALIBRATION]


def test_what_is_learned_from_is_the_sites_and_then_the_base_sets(tmp_path: Path) -> None:
    base = drawn_base(RECIPE)
    mixture = mixed(tmp_path, base)
    assert mixture.learned.cases == [*site_of().parts[Part.TRAINING], *base.training]
    assert mixture.watched.cases == site_of().parts[Part.VALIDATION]
    assert mixture.words == "3 radiographs of this site with reads, and 3 hands drawn by training.phantom"
    alone = mixed(tmp_path, None)
    assert np.array_equal(mixture.learned.images[:3], alone.learned.images)
    assert alone.words == "3 radiographs of this site with reads"


def test_where_the_site_has_nobody_to_watch_some_of_the_base_set_are_held_back(tmp_path: Path) -> None:
    mixture = mixed(tmp_path, drawn_base(RECIPE), validation=0)
    assert [case.name for case in mixture.watched.cases] == ["phantom 0"]
    assert [case.name for case in mixture.learned.cases][3:] == ["phantom 1", "phantom 2"]
    with pytest.raises(DataError, match="no radiographs for validation"):
        mixed(tmp_path, None, validation=0)


@pytest.mark.parametrize(
    ("min_cases", "words", "kind"),
    [
        (1, "radiographs of this site with blinded", CalibratedOn.RADIOGRAPHS),
        (2, "hands drawn by training.phantom; no radiograph of a patient", CalibratedOn.DRAWN_HANDS),
        (200, "radiographs of this site with blinded", CalibratedOn.RADIOGRAPHS),  # neither has enough
    ],
)
def test_intervals_rest_on_the_base_set_where_only_that_has_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, min_cases: int, words: str, kind: CalibratedOn
) -> None:
    monkeypatch.setattr(calibrate, "MIN_CASES", min_cases)
    base = replace(drawn_base(RECIPE), calibration=[*phantoms(Part.CALIBRATION, 12)])
    spared = mixed(tmp_path, base, calibration=3).spared()
    assert spared.words.startswith(words)
    assert spared.kind is kind
    assert len(spared.labelled.cases) == (12 if kind is CalibratedOn.DRAWN_HANDS else 3)


def test_the_same_picture_in_two_parts_is_refused(tmp_path: Path) -> None:
    site = site_of()
    (learned, *_), (tested, *others) = site.parts[Part.TRAINING], site.parts[Part.TEST]
    leaking = replace(site, parts={**site.parts, Part.TEST: [replace(tested, picture=learned.picture), *others]})
    with pytest.raises(LeakError, match=r"\(test\) is the same picture as radiograph 1000 \(training\)"):
        Mixture(PARENT, leaking, None, tmp_path, 1)


def test_no_more_of_the_base_set_is_learned_from_than_its_share() -> None:
    whole = Base(phantoms(Part.TRAINING, 100), [], [], "drawn", are_radiographs=False)
    assert len(beside(whole, 40, 0.33).training) == 20  # of 60
    assert len(beside(whole, 4000, 0.33).training) == 100
    assert len(beside(whole, 1, 0.01).training) == 1
