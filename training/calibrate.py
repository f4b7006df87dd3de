"""Split-conformal calibration: how wide a bone age's interval must be, by sex and predicted age, and whether it covers.

Before it: `training.evaluate` has asked a model about cases that training never saw. After it: the card, by which
`worker.calibration` gives each prediction its interval and `worker.stage` the probabilities of the stages.

References
----------
Lei et al., Distribution-free predictive inference for regression, 2018, doi:10.1080/01621459.2017.1307116.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from db.errors import PermanentError
from db.tables import MAX_BONE_AGE_MONTHS
from db.vocabulary import CalibratedOn, Sex
from training.analysis import AGE_BAND_EDGES_MONTHS, Figure
from training.cases import Case
from training.predictions import Predictions
from worker.calibration import Calibration, Coverage, KnownSex, MeasuredCoverage, ResidualGroup, bounds_months

# By so many the coverage within one group still spreads by two percentage points (one standard deviation).
MIN_CASES = 200

_NOMINAL_COVERAGE = Fraction(9, 10)
_QUANTILE_LEVELS = np.linspace(0, 1, 101)
# The bands of the analysis, here of the predicted age; the last goes on to the largest age that a network may predict.
_EDGES_MONTHS = (*AGE_BAND_EDGES_MONTHS[:-1], MAX_BONE_AGE_MONTHS)
_SEXES: tuple[KnownSex, ...] = ("F", "M")

Float64 = npt.NDArray[np.float64]


class CalibrationError(PermanentError):
    """A model cannot be calibrated with what there is; the message says all that is missing."""


@dataclass(frozen=True)
class Cases:
    """Predictions in months, NaN nowhere, for cases of both sexes, and in words what cases these are."""

    words: str
    predictions: Predictions


def calibrate(calibration: Cases, test: Cases, calibrated_on: CalibratedOn) -> Calibration:
    """Find the intervals on some cases, and measure on others how many references they hold.

    Parameters
    ----------
    calibration, test
        Cases that served neither training nor each other.
    calibrated_on
        What kind of cases the former are.

    Returns
    -------
    Calibration
        For the card.

    Raises
    ------
    CalibrationError
        When there are fewer than 200 calibration cases of a sex, for then even one group would be too few.
    """
    for one in (calibration, test):
        if not one.predictions.has_bone_ages:
            raise CalibrationError(f"{one.words}: the model gives no number for some of them; it cannot be calibrated")
    groups = residual_groups(calibration.predictions)
    return Calibration(
        calibrated_on=calibrated_on,
        data=calibration.words,
        cases=len(calibration.predictions.reference_months),
        groups=groups,
        coverage=measured_coverage(groups, test),
    )


def has_enough(cases: Sequence[Case]) -> bool:
    """Return whether there are 200 cases or more of each sex."""
    sexes = [case.sex for case in cases]
    return min(sexes.count(Sex.FEMALE), sexes.count(Sex.MALE)) >= MIN_CASES


def residual_groups(predictions: Predictions) -> tuple[ResidualGroup, ...]:
    """Split the residuals by sex and predicted age.

    The bands are those of `training.analysis`. As long as one has fewer than 200 cases, the one with the fewest is
    merged with the neighbour that has fewer, of equal ones with the younger.

    Parameters
    ----------
    predictions
        Of the calibration cases.

    Returns
    -------
    tuple of ResidualGroup
        Girls first, by age.

    Raises
    ------
    CalibrationError
        When there are fewer than 200 cases of a sex.
    """
    by_sex = {sex: predictions.where(_is_of(predictions, sex)) for sex in _SEXES}
    problems = [
        f"{len(cases.reference_months)} calibration cases of sex {sex}, expected {MIN_CASES} or more; add cases"
        for sex, cases in by_sex.items()
        if len(cases.reference_months) < MIN_CASES
    ]
    if problems:
        raise CalibrationError("\n".join(problems))
    return tuple(group for sex, cases in by_sex.items() for group in _groups_of(sex, cases))


def conformal_half_width(residuals: Float64) -> float:
    """Return how far from its prediction a reference may lie, so that 90% of future ones lie no farther.

    Parameters
    ----------
    residuals
        (n,) months, of cases exchangeable with the future ones.

    Returns
    -------
    float
        The ⌈0.9 (n + 1)⌉-th smallest size, in months, rounded up to a hundredth; 300, as far as a bone age can be off,
        of fewer than 9 cases.
    """
    rank = math.ceil(_NOMINAL_COVERAGE * (len(residuals) + 1))
    if rank > len(residuals):
        return float(MAX_BONE_AGE_MONTHS)
    size = float(np.sort(np.abs(residuals))[rank - 1])
    return math.ceil(round(size * 100, 6)) / 100


def merged(counts: Sequence[int], edges: Sequence[float], min_cases: int) -> list[float]:
    """Merge neighbouring bands until each has enough cases or only one is left.

    Parameters
    ----------
    counts
        Cases in each band.
    edges
        Of the bands, one more.
    min_cases
        How many are enough.

    Returns
    -------
    list of float
        The edges that are left.
    """
    left, kept = list(counts), list(edges)
    while len(left) > 1 and min(left) < min_cases:
        fewest = left.index(min(left))
        neighbours = [one for one in (fewest - 1, fewest + 1) if 0 <= one < len(left)]
        first = min(fewest, min(neighbours, key=left.__getitem__))
        left[first : first + 2] = [left[first] + left[first + 1]]
        del kept[first + 1]
    return kept


def measured_coverage(groups: Sequence[ResidualGroup], test: Cases) -> MeasuredCoverage:
    """Measure on cases that were used for nothing else how many references lie in their interval.

    Parameters
    ----------
    groups
        Of the calibration.
    test
        One case or more.

    Returns
    -------
    MeasuredCoverage
        Over all, and of each sex of which there are cases; to a tenth of a percent.
    """
    return coverage_of(covers(groups, test.predictions), test)


def coverage_of(is_covered: npt.NDArray[np.bool_], test: Cases) -> MeasuredCoverage:
    """Summarise of which cases (n,) the reference lay in the interval, over all and by sex, as `measured_coverage`."""
    patients = test.predictions.patients
    sexes = {sex: _is_of(test.predictions, sex) for sex in _SEXES}
    return MeasuredCoverage(
        test=test.words,
        overall=_coverage(is_covered, patients),
        by_sex={sex: _coverage(is_covered[one], patients[one]) for sex, one in sexes.items() if one.any()},
    )


def covers(groups: Sequence[ResidualGroup], predictions: Predictions) -> npt.NDArray[np.bool_]:
    """Return of which cases the reference lies in the interval, (n,) bool.

    Parameters
    ----------
    groups
        Of the calibration.
    predictions
        Of the model that it is of.
    """
    ends = [
        bounds_months(groups, months, Sex.MALE if is_male else Sex.FEMALE)
        for months, is_male in zip(_served_months(predictions).tolist(), predictions.is_male, strict=True)
    ]
    low, high = np.array(ends).T
    return np.asarray((low <= predictions.reference_months) & (predictions.reference_months <= high))


def _groups_of(sex: KnownSex, predictions: Predictions) -> list[ResidualGroup]:
    predicted = _served_months(predictions)
    residuals = predictions.reference_months - predicted
    counts = np.histogram(predicted, _EDGES_MONTHS)[0].tolist()
    groups = []
    for low, high in pairwise(merged(counts, _EDGES_MONTHS, MIN_CASES)):
        is_inside = (predicted >= low) & ((predicted < high) | (high == MAX_BONE_AGE_MONTHS))
        quantiles = np.quantile(residuals[is_inside], _QUANTILE_LEVELS).round(2)
        group = ResidualGroup(
            sex=sex,
            from_months=low,
            to_months=high,
            cases=int(is_inside.sum()),
            half_width_months=conformal_half_width(residuals[is_inside]),
            residual_quantiles_months=tuple(quantiles.tolist()),
        )
        groups.append(group)
    return groups


def _served_months(predictions: Predictions) -> Float64:
    """Return the predictions within what a bone age can be, as `worker.estimate` gives them."""
    return np.clip(predictions.predicted_months, 0, MAX_BONE_AGE_MONTHS)


def _is_of(predictions: Predictions, sex: KnownSex) -> npt.NDArray[np.bool_]:
    return predictions.is_male if sex == "M" else ~predictions.is_male


def _coverage(is_covered: npt.NDArray[np.bool_], patients: npt.NDArray[np.int64]) -> Coverage:
    figure = Figure.of_share(is_covered, patients)
    covered, low, high = (round(one, 3) for one in (figure.value, figure.low, figure.high))
    return Coverage(cases=is_covered.size, covered=covered, low=low, high=high)
