"""Errors that change the diagnosis, and those of which nobody can tell."""

import numpy as np
import pytest

from db.vocabulary import Sex
from training.predictions import Predictions
from training.report.significance import changes_diagnosis, significance

UNKNOWN = np.nan
# Boys of 108 months have a standard deviation of 9.00, girls of 96 months one of 10.23: normal is 90 to 126 and
# 75.54 to 116.46. (is a boy, chronological age, reference, predicted, changes the diagnosis)
ROWS = [
    (True, 108, 108, 126, 0),  # normal, still normal
    (True, 108, 108, 127, 1),  # becomes advanced
    (True, 108, 130, 160, 0),  # advanced, wrong by far, and still advanced
    (True, 108, 85, 130, 1),  # from delayed to advanced
    (True, UNKNOWN, 108, 160, UNKNOWN),
    (True, 210, 215, 220, UNKNOWN),  # older than the table
    (False, 96, 96, 116, 0),
    (False, 96, 96, 75, 1),  # becomes delayed
    (False, 198, 200, 190, UNKNOWN),
]


@pytest.fixture
def predictions() -> Predictions:
    is_male, age, reference, predicted, _ = (np.array(column) for column in zip(*ROWS, strict=True))
    return Predictions("mine", reference, predicted, is_male, chronological_age_months=age)


def test_an_error_counts_where_it_changes_the_diagnosis(predictions: Predictions) -> None:
    assert changes_diagnosis(predictions) == pytest.approx([row[4] for row in ROWS], nan_ok=True)


def test_the_rates_are_of_those_with_a_diagnosis_and_the_others_are_counted(predictions: Predictions) -> None:
    found = significance(predictions)
    assert (found.overall.rate.value, found.overall.judged) == (0.5, 6)
    assert (found.by_sex[Sex.MALE].rate.value, found.by_sex[Sex.MALE].judged) == (0.5, 4)
    assert (found.by_sex[Sex.FEMALE].rate.value, found.by_sex[Sex.FEMALE].judged) == (0.5, 2)
    assert (found.without_age, found.outside_table) == (1, 2)
    assert found.gap.value == 0
    assert found.gap.low < 0 < found.gap.high
    assert found.diagnoses.tolist() == [[0, 0, 1], [1, 2, 1], [0, 0, 1]]
    assert found.by_age_band["72-119"].judged == 5
    assert np.isnan(found.by_age_band["0-35"].rate.value)


def test_the_gap_has_newcombes_interval_also_where_none_erred() -> None:
    count = 20
    is_male, age = np.arange(2 * count) < count, np.full(2 * count, 108.0)
    found = significance(Predictions("mine", age, age, is_male, chronological_age_months=age))
    wilson = 1.959964**2 / (count + 1.959964**2)  # of none of twenty: 0 to this
    assert (found.gap.value, found.gap.low, found.gap.high) == pytest.approx((0, -wilson, wilson))


def test_without_chronological_ages_nothing_is_judged(predictions: Predictions) -> None:
    found = significance(
        Predictions("mine", predictions.reference_months, predictions.predicted_months, predictions.is_male)
    )
    assert (found.overall.judged, found.without_age, found.outside_table) == (0, len(ROWS), 0)
    assert np.isnan(found.overall.rate.value)
    assert np.isnan(found.gap.value)
