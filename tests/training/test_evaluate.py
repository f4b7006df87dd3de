import numpy as np
import pytest
from rich.console import Console

from db.vocabulary import Sex
from training.dataset import Subject
from training.evaluate import evaluate, summarise, table

HANDS = [Subject(36.0, Sex.FEMALE, 5), Subject(71.9, Sex.FEMALE, 6), Subject(120.0, Sex.MALE, 7)]


def test_errors_are_averaged_over_all_by_sex_and_by_band() -> None:
    metrics = summarise(np.array([30.0, 74.9, 129.0]), HANDS)  # off by -6, +3, +9
    assert metrics.overall.mae_months is not None
    assert metrics.overall.mae_months.value == 6
    assert metrics.overall.mean_error_months is not None
    assert metrics.overall.mean_error_months.value == 2
    by_sex = {sex: summary.mae_months and summary.mae_months.value for sex, summary in metrics.by_sex.items()}
    assert by_sex == {"F": 4.5, "M": 9}
    counts = {band: summary.radiographs for band, summary in metrics.by_age_band_months.items()}
    assert counts == {"0-35": 0, "36-71": 2, "72-119": 0, "120-167": 1, "168-215": 0, "216-240": 0}


def test_an_empty_band_has_no_error() -> None:
    band = summarise(np.array([30.0, 74.9, 129.0]), HANDS).by_age_band_months["216-240"]
    assert band.mae_months is None
    assert band.mean_error_months is None


def test_the_interval_is_that_of_a_mean_of_coin_tosses() -> None:
    hands = [Subject(100.0, Sex.MALE, seed) for seed in range(400)]
    errors = np.tile([0.0, 2.0], 200)  # mean 1, SD 1: 95% within 1.96 / sqrt(400) = 0.098
    interval = summarise(100 + errors, hands).overall.mae_months
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.902, 1.098), abs=0.015)


def test_the_network_is_shown_pictures_from_zero_to_one_with_their_sex() -> None:
    pictures = np.zeros((3, 4, 4), np.uint8)
    pictures[2] = 255

    def predict_months(image: np.ndarray, sex: np.ndarray) -> np.ndarray:
        return np.asarray(100 * image.mean(axis=(1, 2, 3)) + sex, np.float32)

    metrics = evaluate(predict_months, pictures, HANDS)  # 0, 0 and 101 for 36, 71.9 and 120
    assert metrics.overall.mae_months is not None
    assert metrics.overall.mae_months.value == pytest.approx((36 + 71.9 + 19) / 3, abs=0.005)


def test_the_table_has_a_line_for_each_group() -> None:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table(summarise(np.array([30.0, 74.9, 129.0]), HANDS)))
    assert "9.0 (9.0 to 9.0)" in capture.get()
    assert all(name in capture.get() for name in ("all", "F", "M", "36-71 months", "216-240 months"))
