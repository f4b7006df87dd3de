"""Conformal half widths, merging and coverage by hand, and the command from hands to the card."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from db.vocabulary import CalibratedOn, Sex
from tests.calibrated import GROUPS, calibration
from tests.narrow_bundle import card
from training import __main__ as command_line
from training import calibrate as conformal
from training import calibrated_card
from training.calibrate import CalibrationError, Cases, calibrate, conformal_half_width, covers, merged, residual_groups
from training.predictions import Predictions, load
from worker import bundle
from worker.calibration import interval
from worker.engines import Float32, tensorflow
from worker.engines import Predictions as EnginePredictions


def _predictions(predicted: np.ndarray, reference: np.ndarray, is_male: np.ndarray) -> Predictions:
    return Predictions("mine", reference, predicted, is_male)


def _invented(seed: int, count: int) -> Predictions:
    """Return predictions that are off by more in boys, and by more at greater ages."""
    rng = np.random.default_rng(seed)
    predicted, is_male = rng.uniform(0, 228, count), rng.random(count) < 0.4
    sd = np.where(is_male, 2.0, 1.0) * (2 + predicted / 20)
    return _predictions(predicted, predicted + rng.normal(0, sd), is_male)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(8, 300), (9, 9), (10, 10), (19, 18), (20, 19), (199, 180), (200, 181)],  # the ceil(0.9 (n + 1))-th of 1, 2, …, n
)
def test_the_half_width_is_the_finite_sample_quantile(count: int, expected: float) -> None:
    sizes = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    assert conformal_half_width(sizes * np.where(sizes % 2, -1, 1)) == expected


def test_the_half_width_on_real_radiographs_is_the_one_known(shared_data: Path) -> None:
    """`published_systems.md` states 13.4 months for this Xception on 2,135 radiographs."""
    xception = load(shared_data / "reference_predictions.csv")[0]
    residuals = xception.reference_months - xception.predicted_months
    assert conformal_half_width(residuals) == pytest.approx(13.4, abs=0.05)
    groups = residual_groups(xception)
    assert all(group.cases >= 200 for group in groups)
    assert sum(group.cases for group in groups) == len(residuals)


def test_a_half_width_is_rounded_up() -> None:
    assert conformal_half_width(np.full(9, -1.001)) == 1.01
    assert conformal_half_width(np.full(9, 1.1)) == 1.1  # which is a little more in binary


@pytest.mark.parametrize(
    ("counts", "edges"),
    [
        ((200, 200, 200), [0, 1, 2, 3]),
        ((50, 150, 300), [0, 2, 3]),  # 50 has one neighbour, and together they are enough
        ((50, 100, 300), [0, 3]),  # 150 are still too few
        ((250, 100, 240), [0, 1, 3]),  # with the smaller neighbour
        ((250, 100, 250), [0, 2, 3]),  # with the younger of equal ones
        ((300, 300, 0), [0, 1, 3]),
        ((50, 60, 80), [0, 3]),
    ],
)
def test_bands_are_merged_until_each_has_enough(counts: tuple[int, ...], edges: list[float]) -> None:
    assert merged(counts, range(len(counts) + 1), 200) == edges


def test_too_few_cases_of_each_sex_are_told_at_once() -> None:
    few = _invented(1, 300)
    with pytest.raises(CalibrationError) as error:
        residual_groups(few.where(np.arange(300) < 250))
    girls = int((~few.is_male[:250]).sum())
    assert str(error.value).splitlines() == [
        f"{girls} calibration cases of sex F, expected 200 or more; add cases",
        f"{250 - girls} calibration cases of sex M, expected 200 or more; add cases",
    ]


def test_groups_are_by_predicted_age_within_what_is_served() -> None:
    predicted = np.repeat([-5.0, 130.0, 310.0], 200)
    both = np.tile(predicted, 2)
    groups = residual_groups(_predictions(both, np.clip(both, 0, 240) + 3, np.arange(1200) < 600))
    bands = [(group.sex, group.from_months, group.to_months, group.cases) for group in groups if group.sex == "F"]
    assert bands == [("F", 0, 120, 200), ("F", 120, 216, 200), ("F", 216, 300, 200)]
    assert [group.half_width_months for group in groups[:3]] == [3, 3, 57]  # 310 is served as 300, and 243 is true
    assert groups[0].residual_quantiles_months == (3.0,) * 101


def test_a_case_is_covered_up_to_the_ends_of_its_interval() -> None:
    predicted, is_male = np.array([100.0, 100.0, 100.0, 100.0, -3.0]), np.array([False, False, True, True, False])
    reference = np.array([110.0, 110.1, 88.0, 87.9, 0.0])
    assert covers(GROUPS, _predictions(predicted, reference, is_male)).tolist() == [True, False, True, False, True]


def test_nine_of_ten_are_covered_whatever_the_sex() -> None:
    found = calibrate(Cases("these", _invented(1, 5000)), Cases("those", _invented(2, 5000)), CalibratedOn.RADIOGRAPHS)
    assert (found.cases, found.data, found.coverage.test, found.coverage.overall.cases) == (
        5000,
        "these",
        "those",
        5000,
    )
    assert 0.88 <= found.coverage.overall.covered <= 0.92
    assert found.coverage.overall.low < found.coverage.overall.covered < found.coverage.overall.high
    for one in found.coverage.by_sex.values():
        assert 0.87 <= one.covered <= 0.93
    girl, boy = (interval(found, 200.0, sex) for sex in (Sex.FEMALE, Sex.MALE))
    assert girl.high_months - 200 == pytest.approx(1.645 * 12, rel=0.2)  # of a normal distribution, ± 1.645 SD
    assert boy.high_months - 200 == pytest.approx(1.645 * 24, rel=0.2)


@pytest.fixture
def made(tmp_path: Path) -> bundle.Bundle:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "network.keras").write_bytes(b"weights")
    text = card().model_copy(update={"files": bundle.file_digests(folder)}).model_dump_json()
    (folder / "card.json").write_text(text)
    return bundle.load(folder)


def test_only_the_card_is_written_anew(made: bundle.Bundle) -> None:
    written = calibrated_card.write(made, calibration())
    assert written.card == made.card.model_copy(update={"calibration": calibration()})
    assert written.digest == hashlib.sha256((made.folder / "card.json").read_bytes()).hexdigest() != made.digest
    assert [path.name for path in made.folder.parent.iterdir()] == ["made"]


def test_a_bundle_that_cannot_be_calibrated_is_told_before_a_hand_is_drawn(made: bundle.Bundle) -> None:
    stages = bundle.Bundle(made.folder, made.card.model_copy(update={"answers": "stages"}), made.digest)
    with pytest.raises(CalibrationError, match=r"answers stages.*\n399 calibration cases, expected 200 or more"):
        calibrated_card.check(stages, 399)
    calibrated_card.check(made, 400)


class _Engine:
    """Finds every hand to be 100 months old."""

    def warm_up(self) -> None:
        raise AssertionError("nothing is warmed up here")

    def predict(self, image: Float32, sex: Float32) -> EnginePredictions:
        months = np.full(len(image), 100, np.float32)
        return EnginePredictions(months, months, months, np.zeros((len(image), 1, 1), np.float32), months[:, None])


def test_the_command_draws_hands_and_writes_the_card(
    made: bundle.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # draw in this process
    monkeypatch.setattr(conformal, "MIN_CASES", 5)
    monkeypatch.setattr(calibrated_card, "MIN_CASES", 5)
    monkeypatch.setattr(tensorflow, "load", lambda _: _Engine())
    arguments = ["calibrate", str(made.folder), "--data", "phantoms:20", "--work-folder", str(tmp_path)]
    done = CliRunner().invoke(command_line.app, arguments)
    assert done.exit_code == 0, done.output
    assert "not calibrated on radiographs" in done.output
    after = bundle.load(made.folder)
    found = after.card.calibration
    assert found is not None
    assert (found.calibrated_on, found.cases) == (CalibratedOn.DRAWN_HANDS, 20)
    assert found.data == "20 hands drawn by training.phantom; no radiograph of a patient"
    assert found.coverage.test == "20 hands drawn by training.phantom; no radiograph of a patient"
    assert sum(one.cases for one in found.coverage.by_sex.values()) == 20
    assert after.digest != made.digest
    assert json.loads((after.folder / "card.json").read_text())["files"] == made.card.files
