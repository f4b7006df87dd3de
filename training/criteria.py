"""What a candidate is asked: each criterion with its figures, the bound that judges it, and whether it is met.

Before it: `training.pairs`. After it: `training.gate` puts them together. Both versions are compared in the same
resampled patients, by the one-sided 95% bound on the side that speaks against the candidate.

References
----------
Efron and Tibshirani, An Introduction to the Bootstrap, 1993 (percentile bounds).
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from training.analysis import AGE_BAND_EDGES_MONTHS, Errors, Float64
from training.calibrate import merged
from training.pairs import Pair
from training.refreshing import RefreshRecipe

MIN_GROUP = 50  # radiographs of an age group that is judged by itself
MIN_PATIENTS = 20  # of fewer, resampling makes bounds that are plainly too narrow

_NOMINAL_COVERAGE = 0.9


class Unit(StrEnum):
    """What a criterion's figures are in: months of error, the fewer the better, or a share, the larger the better."""

    MONTHS = "months"
    SHARE = "share"


# The same weights answer alike only to some thousandths of a month, as on another device. Unrounded, the bound of an
# equal candidate would lie on the wrong side of 0 as often as not.
_DIGITS = {Unit.MONTHS: 2, Unit.SHARE: 3}
_PERCENTILE = {Unit.MONTHS: 95, Unit.SHARE: 5}


@dataclass(frozen=True)
class Compared:
    """A figure of both versions, as it is and then in resampled patients, (1 + samples,) float64.

    Attributes
    ----------
    difference
        The candidate's less what is asked: the active version's, but of coverage no more than 90%.
    radiographs, patients
        How many it is of; patients, where it is a difference of two groups, are those of the smaller.
    """

    unit: Unit
    active: Float64
    candidate: Float64
    difference: Float64
    radiographs: int
    patients: int

    @classmethod
    def of_months(cls, active: Float64, candidate: Float64, radiographs: int, patients: int) -> "Compared":
        """Return what is compared by how many months more the candidate has."""
        return cls(Unit.MONTHS, active, candidate, candidate - active, radiographs, patients)

    @property
    def bound(self) -> float:
        """One-sided 95% bound of the difference; NaN of fewer than 20 patients."""
        if self.patients < MIN_PATIENTS:
            return math.nan
        bound = round(float(np.percentile(self.difference[1:], _PERCENTILE[self.unit])), _DIGITS[self.unit])
        return bound + 0.0  # never -0.0, which would be shown


@dataclass(frozen=True)
class Difference:
    """The candidate's figure less what is asked, as `Compared` has it.

    Attributes
    ----------
    bound
        One-sided 95%, the upper of months and the lower of a share, to a hundredth of a month or a thousandth; NaN
        where there are too few patients to tell.
    """

    value: float
    bound: float


@dataclass(frozen=True)
class Criterion:
    """One thing that is asked of a candidate.

    Attributes
    ----------
    name
        Stable key, such as ``age_0_to_71_months``.
    subject, asked
        What is judged and what it must prove, for people.
    active, candidate
        The figure of each; NaN of a version that has none.
    limit
        What the bound may be at most (months) or at least (a share).
    is_met
        None where nobody can tell.
    """

    name: str
    subject: str
    asked: str
    unit: Unit
    active: float
    candidate: float
    difference: Difference
    limit: float
    is_met: bool | None
    radiographs: int
    patients: int

    @property
    def words(self) -> str:
        """What is asked, with the margin."""
        return f"{self.subject}: {self.asked}"


def errors_by_age(site: Pair, rules: RefreshRecipe, seed: int) -> list[Criterion]:
    """Return one criterion for each age group: no error grows by more than the margin.

    Parameters
    ----------
    site
        Both versions on the site's test reads.
    rules
        The margins.
    seed
        Of the resampling.

    Returns
    -------
    list of Criterion
        The youngest first. Groups are the bands of the analysis, neighbours merged until each has 50 radiographs.
    """
    months = site.reference_months
    counts = np.histogram(months, AGE_BAND_EDGES_MONTHS)[0].tolist()
    found = []
    for low, high in pairwise(merged(counts, AGE_BAND_EDGES_MONTHS, MIN_GROUP)):
        subject = f"Mean absolute error from {low} to {high - 1} months of bone age"
        compared = errors_of(site.where((months >= low) & (months < high)), seed)
        found.append(larger(f"age_{low}_to_{high - 1}_months", subject, compared, rules.age_margin_months))
    return found


def errors_of(pair: Pair, seed: int) -> Compared:
    """Return the mean absolute error of both, in months, in the same resampled patients."""
    resampled = Errors(pair.active.predictions, seed)
    active, candidate = (resampled.means(one.absolute_errors_months) for one in pair)
    return Compared.of_months(active, candidate, resampled.radiographs, resampled.patients)


def gaps_of(pair: Pair, seed: int) -> Compared:
    """Return by how many months girls' and boys' mean absolute errors differ, the sexes resampled by themselves."""
    girls, boys = errors_of(pair.where(~pair.is_male), seed + 1), errors_of(pair.where(pair.is_male), seed + 2)
    return Compared.of_months(
        np.abs(girls.active - boys.active),
        np.abs(girls.candidate - boys.candidate),
        girls.radiographs + boys.radiographs,
        min(girls.patients, boys.patients),
    )


def larger(name: str, subject: str, compared: Compared, margin_months: float, asked: str = "") -> Criterion:
    """Return the criterion that months of error are larger by no more than a margin.

    Parameters
    ----------
    name, subject, asked
        Of the criterion; what is asked is said by itself where nothing is given.
    compared
        In months.
    margin_months
        0 where it must not be larger.
    """
    asked = asked or f"at most {margin_months:.2f} months larger"
    return _criterion(name, subject, asked, compared, margin_months)


def coverage(site: Pair, rules: RefreshRecipe, seed: int) -> Criterion | None:
    """Return the criterion that intervals hold no fewer references than before, of which no more than 90% are asked.

    Of a candidate that comes near 90% nobody asks as much as of an active version that covers more, and an active
    version that covers less is not held against an equal candidate.

    Parameters
    ----------
    site
        Both versions on the site's test reads.
    rules
        The margins.
    seed
        Of the resampling.

    Returns
    -------
    Criterion or None
        None where neither version gives intervals; not met where only the candidate gives none.
    """
    before, after = (one.is_covered for one in site)
    if before is None and after is None:
        return None
    resampled = Errors(site.active.predictions, seed)
    active, candidate = (_shares(resampled, one) for one in (before, after))
    difference = candidate - np.fmin(active, _NOMINAL_COVERAGE)  # 90% where the active version gives no intervals
    compared = Compared(Unit.SHARE, active, candidate, difference, resampled.radiographs, resampled.patients)
    points = f"{100 * rules.coverage_margin:.1f} percentage points"
    asked = f"at most {points} below the active version's, or below 90% where it has more"
    found = _criterion("interval_coverage", "References in the 90% intervals", asked, compared, -rules.coverage_margin)
    return replace(found, is_met=False) if after is None else found


def _shares(resampled: Errors, is_so: npt.NDArray[np.bool_] | None) -> Float64:
    return resampled.means(np.full(resampled.radiographs, np.nan) if is_so is None else is_so)


def _criterion(name: str, subject: str, asked: str, compared: Compared, limit: float) -> Criterion:
    bound = compared.bound
    is_met = bound <= limit if compared.unit is Unit.MONTHS else bound >= limit
    return Criterion(
        name,
        subject,
        asked,
        compared.unit,
        float(compared.active[0]),
        float(compared.candidate[0]),
        Difference(float(compared.difference[0]), bound),
        limit,
        is_met if compared.patients >= MIN_PATIENTS else None,
        compared.radiographs,
        compared.patients,
    )
