"""The Brush table: what stands in it, between its ages, and outside of them."""

import csv
from pathlib import Path

import numpy as np
import pytest

from db.vocabulary import Sex
from worker import brush
from worker.brush import Diagnosis


def test_the_numbers_are_those_of_the_source(shared_data: Path) -> None:
    with (shared_data / "brush_foundation_sd.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 47
    for row in rows:
        assert brush.sd_months(Sex(row["sex"]), float(row["chronological_age_months"])) == float(row["sd_months"])


def test_between_two_ages_it_is_a_straight_line_and_outside_nothing_is_known() -> None:
    # A boy of 15 months is half way from 12 (1.97) to 18 (3.52); a girl of 184 a third from 180 (9.23) to 192 (7.31).
    assert brush.sd_months(Sex.MALE, 15) == pytest.approx(2.745)
    assert brush.sd_months(Sex.FEMALE, [3, 184, 192]) == pytest.approx([0.72, 8.59, 7.31])
    assert np.isnan(brush.sd_months(Sex.FEMALE, [2.9, 192.1, np.nan])).all()
    assert np.isnan(brush.sd_months(Sex.OTHER, [100])).all()
    assert (brush.age_range_months(Sex.MALE), brush.age_range_months(Sex.FEMALE)) == ((3, 204), (3, 192))


def test_two_standard_deviations_are_still_normal() -> None:
    bone_ages = [89.9, 90, 120, 126, 126.1]  # of boys of 108 months, whose standard deviation is 9.00
    scores = brush.sds(Sex.MALE, bone_ages, 108)
    assert scores == pytest.approx([-18.1 / 9, -2, 12 / 9, 2, 18.1 / 9])
    assert [brush.diagnosis(score) for score in scores] == [
        Diagnosis.DELAYED,
        *[Diagnosis.NORMAL] * 3,
        Diagnosis.ADVANCED,
    ]
    assert brush.diagnosis(np.nan) is None


@pytest.mark.parametrize("sex", [Sex.MALE, Sex.FEMALE])
@pytest.mark.parametrize("score", [-3, -1.7, 0, 2.2, 3])
def test_the_age_at_a_deviation_is_the_age_whose_deviation_that_is(sex: Sex, score: float) -> None:
    for bone_age_months in (10.0, 47.3, 100.0, 133.0, 150.0):
        age = brush.chronological_age_months(sex, bone_age_months, score)
        assert brush.sds(sex, bone_age_months, age) == pytest.approx(score)


def test_beyond_the_table_the_age_lies_beyond_it_too() -> None:
    assert brush.chronological_age_months(Sex.MALE, 228, 1) == pytest.approx(228 - 13.05)
    assert brush.chronological_age_months(Sex.FEMALE, 228, -2) == pytest.approx(228 + 2 * 7.31)
    assert brush.chronological_age_months(Sex.MALE, 1, 2) == 0
    with pytest.raises(ValueError, match="within ±3"):
        brush.chronological_age_months(Sex.MALE, 100, 3.1)
