"""A bone age beside the child's age; residuals are spread evenly from -20 to 20 months, so that all is by hand."""

import pytest

from db.vocabulary import AgeSource, Maturity, SdsUnknown, Sex
from tests.calibrated import calibration
from worker.estimate import Estimate
from worker.maturity import ChronologicalAge, Deviation, deviation

EXACT = ChronologicalAge(108, 0)  # boys have a standard deviation of 9.00 there: normal is 90 to 126
STATED = ChronologicalAge(108, 12)  # 009Y; at 120 months it is 9.79, and half way 9.395


def found(bone_age_months: float, age: ChronologicalAge = EXACT) -> Deviation:
    one = deviation(Estimate(bone_age_months, bone_age_months, bone_age_months), calibration(), Sex.MALE, age)
    assert isinstance(one, Deviation)
    return one


@pytest.mark.parametrize(
    ("bone_age_months", "delayed", "advanced", "maturity"),
    [
        (108, 2 / 40, 2 / 40, Maturity.NORMAL),  # 18 months to either side, of the 20 that residuals go
        (115, 0, 9 / 40, Maturity.INDETERMINATE),  # 11 months to 126
        (138, 0, 32 / 40, Maturity.ADVANCED),
        (137.9, 0, 31.9 / 40, Maturity.INDETERMINATE),
        (78, 32 / 40, 0, Maturity.DELAYED),
    ],
)
def test_each_maturity_is_as_likely_as_the_residuals_that_lead_to_it(
    bone_age_months: float, delayed: float, advanced: float, maturity: Maturity
) -> None:
    likely = found(bone_age_months).probabilities
    assert likely is not None
    assert (likely.delayed, likely.normal, likely.advanced) == pytest.approx(
        (delayed, 1 - delayed - advanced, advanced)
    )
    assert likely.maturity is maturity


def test_the_score_is_in_standard_deviations_and_so_is_its_interval() -> None:
    one = found(115)  # 103 to 127
    assert (one.low_sds, one.sds, one.high_sds) == pytest.approx((-5 / 9, 7 / 9, 19 / 9))


def test_an_age_in_whole_years_widens_all_of_it() -> None:
    one = found(115, STATED)
    assert (one.low_sds, one.sds, one.high_sds) == pytest.approx((-17 / 9.79, 1 / 9.395, 19 / 9))
    # The lower bound of normal goes evenly from 90 to 100.42 while the child is from 108 to 120 months old: 25 to 14.58
    # below 115. Delayed it is where that is less than 20, in 5.42 of 10.42, and there half of 5.42 / 40 likely.
    assert one.probabilities is not None
    assert one.probabilities.delayed == pytest.approx(5.42 / 10.42 * 5.42 / 80, abs=0.002)
    # The upper bound goes from 126 to 139.58, 11 to 24.58 above it.
    assert one.probabilities.advanced == pytest.approx(9 / 13.58 * 9 / 80, abs=0.002)


def test_without_a_calibration_there_is_a_score_alone() -> None:
    assert deviation(Estimate(115, 115, 115), None, Sex.MALE, EXACT) == Deviation(pytest.approx(7 / 9))


@pytest.mark.parametrize(
    ("bone_age_months", "sex", "age", "reason"),
    [
        (None, Sex.MALE, EXACT, SdsUnknown.NO_BONE_AGE),
        (100, Sex.OTHER, EXACT, SdsUnknown.SEX),
        (100, Sex.MISSING, EXACT, SdsUnknown.SEX),
        (100, Sex.MALE, None, SdsUnknown.CHRONOLOGICAL_AGE),
        (200, Sex.MALE, ChronologicalAge(204.1, 0), SdsUnknown.OUTSIDE_TABLE),
        (200, Sex.MALE, ChronologicalAge(193, 12), SdsUnknown.OUTSIDE_TABLE),  # perhaps not, but nobody knows
        (2, Sex.FEMALE, ChronologicalAge(2.9, 0), SdsUnknown.OUTSIDE_TABLE),
    ],
)
def test_what_is_not_known_is_told_as_the_reason(
    bone_age_months: float | None, sex: Sex, age: ChronologicalAge | None, reason: SdsUnknown
) -> None:
    assert deviation(Estimate(bone_age_months, 100, 100), calibration(), sex, age) is reason


def test_of_a_row_from_before_units_were_noted_a_stated_age_is_in_years() -> None:
    assert ChronologicalAge.of(108, AgeSource.PATIENT_AGE, None) == STATED
    assert ChronologicalAge.of(108, AgeSource.PATIENT_AGE, 1.0) == ChronologicalAge(108, 1)
    assert ChronologicalAge.of(108, AgeSource.BIRTH_DATE, None) == EXACT
    assert ChronologicalAge.of(None, None, None) is None
