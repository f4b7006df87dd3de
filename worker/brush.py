"""How far a bone age lies from what is usual at a child's age, by the Brush Foundation's standard deviations.

Before it: a bone age, of a model or of a reader, and a chronological age. After it: the diagnosis by ±2 standard
deviations, in results and in evaluations.

References
----------
Brush Foundation series, as printed with Greulich and Pyle, Radiographic Atlas of Skeletal Development of the Hand and
Wrist, 2nd edition, 1959; the numbers in ``brush_foundation_sd.csv`` come from one source.
"""

import csv
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from db.vocabulary import Sex

SOURCE = "Brush Foundation standard deviations; one source, unverified against the atlas"
USUAL_SDS = 2.0  # as far as this, inclusive, a bone age is normal
MOST_SDS = 3.0  # with more, two chronological ages might give the same bone age

Float64 = npt.NDArray[np.float64]


class Diagnosis(StrEnum):
    """A bone age beside the chronological age: normal within ±2 standard deviations."""

    DELAYED = "delayed"
    NORMAL = "normal"
    ADVANCED = "advanced"


def age_range_months(sex: Sex) -> tuple[float, float]:
    """Return the chronological ages, first and last, for which standard deviations are known.

    Parameters
    ----------
    sex
        Male or female.

    Raises
    ------
    KeyError
        For another sex, for which there is no table.
    """
    ages, _ = _tables()[sex]
    return float(ages[0]), float(ages[-1])


def sd_months(sex: Sex, chronological_age_months: npt.ArrayLike) -> Float64:
    """Return the standard deviation of bone age at chronological ages, linear between those in the table.

    Parameters
    ----------
    sex
        Of all of them.
    chronological_age_months
        (...) months.

    Returns
    -------
    numpy.ndarray
        (...) months; NaN outside the table, for an unknown age, and for a sex that is not known.
    """
    age = np.asarray(chronological_age_months, np.float64)
    if not sex.is_known:
        return np.full(age.shape, np.nan)
    return np.asarray(np.interp(age, *_tables()[sex], left=np.nan, right=np.nan))


def sds(sex: Sex, bone_age_months: npt.ArrayLike, chronological_age_months: npt.ArrayLike) -> Float64:
    """Return by how many standard deviations bone ages exceed chronological ages.

    Parameters
    ----------
    sex
        Of all of them.
    bone_age_months, chronological_age_months
        (...) months.

    Returns
    -------
    numpy.ndarray
        (...) z-scores; NaN where `sd_months` is.
    """
    age = np.asarray(chronological_age_months, np.float64)
    return np.asarray((np.asarray(bone_age_months, np.float64) - age) / sd_months(sex, age))


def diagnosis(score: float) -> Diagnosis | None:
    """Return the diagnosis of one z-score from `sds`; None for NaN."""
    if np.isnan(score):
        return None
    if score < -USUAL_SDS:
        return Diagnosis.DELAYED
    return Diagnosis.ADVANCED if score > USUAL_SDS else Diagnosis.NORMAL


def chronological_age_months(sex: Sex, bone_age_months: float, score: float) -> float:
    """Return the age at which a bone age is so many standard deviations ahead: the inverse of `sds`.

    Parameters
    ----------
    sex
        Male or female.
    bone_age_months
        In months.
    score
        From -3 to 3.

    Returns
    -------
    float
        Months, not below 0. Before and after the table the first and the last standard deviation are taken, so that
        the age is known to lie outside it.

    Raises
    ------
    ValueError
        If the score is beyond ±3.
    """
    if not abs(score) <= MOST_SDS:
        raise ValueError(f"expected a z-score within ±{MOST_SDS:g}, received {score}")
    ages, spreads = _tables()[sex]
    at_ages = ages + score * spreads  # ascends with age, and between two ages of the table it is a straight line
    if bone_age_months < at_ages[0]:
        return max(0.0, float(bone_age_months - score * spreads[0]))
    if bone_age_months > at_ages[-1]:
        return float(bone_age_months - score * spreads[-1])
    return float(np.interp(bone_age_months, at_ages, ages))


@cache
def _tables() -> Mapping[Sex, tuple[Float64, Float64]]:
    with Path(__file__).with_name("brush_foundation_sd.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sexes = (Sex.MALE, Sex.FEMALE)
    return {sex: (_column(rows, sex, "chronological_age_months"), _column(rows, sex, "sd_months")) for sex in sexes}


def _column(rows: list[dict[str, str]], sex: str, name: str) -> Float64:
    return np.array([float(row[name]) for row in rows if row["sex"] == sex])
