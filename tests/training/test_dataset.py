import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from db.vocabulary import Sex
from training import dataset
from training.dataset import Split, Subject
from training.phantom import draw
from worker.preprocess import Preprocessing, preprocess

SMALL = Preprocessing(rows=64, columns=64, value_percentiles=(0.5, 99.5))


def test_no_hand_serves_two_purposes() -> None:
    seeds = [{hand.seed for hand in dataset.subjects(split, 50)} for split in Split]
    assert len(set.union(*seeds)) == 150


def test_fewer_hands_are_the_first_of_more() -> None:
    assert dataset.subjects(Split.HELD_OUT, 5) == dataset.subjects(Split.HELD_OUT, 20)[:5]


def test_ages_reach_both_ends_and_gather_where_radiographs_are() -> None:
    hands = dataset.subjects(Split.TRAINING, 4000)
    months = np.array([hand.bone_age_months for hand in hands])
    assert months.min() >= 1
    assert months.max() <= 228
    # Within one SD (41) of 127 months: half of 2 · 41.2 / 227 = 36%, half of 68%, together 52%.
    assert np.mean(np.abs(months - 127.3) < 41.2) == pytest.approx(0.52, abs=0.03)
    assert np.mean([hand.sex is Sex.MALE for hand in hands]) == pytest.approx(0.5, abs=0.03)


def test_a_cached_picture_is_the_serving_input_in_eight_bits(tmp_path: Path) -> None:
    hand = Subject(100.0, Sex.FEMALE, 7)
    (picture,) = dataset.images([hand], SMALL, tmp_path, processes=1)
    serving = preprocess(draw(100.0, Sex.FEMALE, 7, rows=72).image, SMALL)[..., 0]
    assert picture.dtype == np.uint8
    assert picture / 255 == pytest.approx(serving, abs=0.5 / 255 + 1e-6)


def test_drawing_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hands = dataset.subjects(Split.VALIDATION, 4)
    drawn: list[int] = []

    def draw_until_third(subject: Subject, preprocessing: Preprocessing) -> np.ndarray:
        drawn.append(subject.seed - Split.VALIDATION)
        if drawn == [0, 1, 2]:
            raise KeyboardInterrupt
        return np.full((preprocessing.rows, preprocessing.columns), drawn[-1], np.uint8)

    monkeypatch.setattr(dataset, "_draw", draw_until_third)
    with pytest.raises(KeyboardInterrupt):
        dataset.images(hands, SMALL, tmp_path, processes=1)
    pictures = dataset.images(hands, SMALL, tmp_path, processes=1)
    assert drawn == [0, 1, 2, 2, 3]
    assert pictures[:, 0, 0].tolist() == [0, 1, 2, 3]


def test_processes_draw_what_one_draws(tmp_path: Path) -> None:
    hands = dataset.subjects(Split.VALIDATION, 3)
    by_two = dataset.images(hands, SMALL, tmp_path / "two", processes=2)
    assert np.array_equal(by_two, dataset.images(hands, SMALL, tmp_path / "one", processes=1))


def test_the_digest_changes_with_hands_and_preprocessing() -> None:
    hands = dataset.subjects(Split.TRAINING, 2)
    other = SMALL.model_copy(update={"padding_value": 0.5})
    digests = {dataset.digest(hands, SMALL), dataset.digest(hands[:1], SMALL), dataset.digest(hands, other)}
    assert len(digests) == 3


def test_drawing_processes_do_not_import_tensorflow() -> None:
    script = "import sys, training.__main__; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
