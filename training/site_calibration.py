"""A site's linear correction per sex: fitted on the site's own reads, cross-validated, applied only where it helps.

Before it: the active version has been asked, uncorrected, about the site's radiographs with sampled, blinded reads, of
the part that calibrates. After it: `training.site_record` keeps it in the registry, and `worker.correction` applies it.

References
----------
Vovk, Cross-conformal predictors, 2015, doi:10.1007/s10472-013-9368-4 (the intervals).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from db.tables import MAX_BONE_AGE_MONTHS
from db.vocabulary import CalibratedOn
from training.analysis import Errors
from training.calibrate import CalibrationError, Cases, coverage_of, covers, residual_groups
from training.cross_validation import least_squares, out_of_fold, shared_out
from training.predictions import Predictions
from worker.calibration import Calibration, KnownSex
from worker.correction import MAX_INTERCEPT_MONTHS, MAX_SLOPE, MIN_SLOPE, Correction, Line

# With fewer, a line that helps by less than several months cannot be told from chance.
MIN_READS = 100
# The bound resamples patients; with few clusters (5 to 30: Cameron et al., 2008, doi:10.1162/rest.90.3.414) such
# bounds are too narrow.
MIN_PATIENTS = 50

_BOUND_PERCENT = 95.0
WORDS: Mapping[KnownSex, str] = {"F": "girls", "M": "boys"}

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SexFit:
    """What a line would change in one sex; NaN where there is too little to fit one.

    Attributes
    ----------
    intercept_months, slope
        Of the line through all radiographs of the sex.
    before_months, after_months
        Mean absolute error as the network answers, and corrected by lines that were fitted on other patients.
    upper_months
        The upper one-sided 95% bound of the latter less the former, over resampled patients.
    why_not
        In words, why the line is not applied; nothing where it is.
    """

    sex: KnownSex
    radiographs: int
    patients: int
    intercept_months: float = math.nan
    slope: float = math.nan
    before_months: float = math.nan
    after_months: float = math.nan
    upper_months: float = math.nan
    why_not: tuple[str, ...] = ()

    @property
    def is_applied(self) -> bool:
        """Whether the sex's bone ages are to be corrected."""
        return not self.why_not

    @property
    def change_months(self) -> float:
        """How much greater the mean absolute error becomes; negative where the line helps."""
        return self.after_months - self.before_months


@dataclass(frozen=True)
class Fitted:
    """A site's correction of one version's answers, and what it rests on.

    Attributes
    ----------
    calibration
        Of the intervals of what will be served, corrected or not; None where those of the card stay.
    intervals
        In words, whose intervals hold, and why.
    figures
        All of it as what JSON can hold; what is not known is null.
    """

    fits: tuple[SexFit, ...]
    correction: Correction
    calibration: Calibration | None
    intervals: str
    figures: dict[str, Any]


def fit(predictions: Predictions, *, folds: int = 10, seed: int = 0) -> Fitted:
    """Fit a line for each sex, and apply it where it certainly helps on patients that it was not fitted on.

    Parameters
    ----------
    predictions
        Uncorrected bone ages beside the site's reads. Not changed.
    folds
        Into so many the patients are shared out; 2 or more.
    seed
        Of the sharing out and the resampling: the same gives the same.

    Returns
    -------
    Fitted
        Its correction is empty where no line is applied.

    Raises
    ------
    CalibrationError
        When the model gives no bone age for some radiographs, as one that answers stages does.
    """
    if not predictions.has_bone_ages:
        raise CalibrationError(f"{predictions.name}: gives no bone age for some radiographs; nothing to correct")
    served = np.clip(predictions.predicted_months, 0, MAX_BONE_AGE_MONTHS)
    predictions = replace(predictions, predicted_months=served)
    fold_of = shared_out(predictions, folds, seed)
    fits: list[SexFit] = []
    lines: dict[KnownSex, Line] = {}
    months = served.copy()
    for sex in WORDS:
        is_sex = predictions.is_male if sex == "M" else ~predictions.is_male
        found, crossed = _fit_sex(sex, predictions.where(is_sex), fold_of[is_sex], seed)
        fits.append(found)
        if found.is_applied:
            lines[sex] = Line(intercept_months=found.intercept_months, slope=found.slope)
            months[is_sex] = crossed
    calibration, words = _intervals(replace(predictions, predicted_months=months), fold_of, lines)
    figures = {
        "model": predictions.name,
        "folds": folds,
        "seed": seed,
        "by_sex": {one.sex: _figures(one) for one in fits},
        "intervals": words,
    }
    return Fitted(tuple(fits), Correction(lines), calibration, words, figures)


def _fit_sex(
    sex: KnownSex, predictions: Predictions, fold_of: npt.NDArray[np.int64], seed: int
) -> tuple[SexFit, Float64]:
    """Return what a line changes in one sex, and its predictions corrected out of fold."""
    count, patients = len(predictions.reference_months), len(np.unique(predictions.patients))
    wanted = ((count, MIN_READS, "radiographs"), (patients, MIN_PATIENTS, "patients"))
    too_few = tuple(f"{one} {what}, expected {least} or more" for one, least, what in wanted if one < least)
    if too_few:
        return SexFit(sex, count, patients, why_not=too_few), predictions.predicted_months
    crossed = out_of_fold(predictions, fold_of)
    # With the same seed both resample the same patients, so that their difference is a paired one.
    before = Errors(predictions, seed).samples["mae"]
    after = Errors(replace(predictions, predicted_months=crossed), seed).samples["mae"]
    found = SexFit(
        sex,
        count,
        patients,
        *least_squares(predictions.predicted_months, predictions.reference_months),
        before_months=float(before[0]),
        after_months=float(after[0]),
        upper_months=float(np.percentile(after[1:] - before[1:], _BOUND_PERCENT)),
    )
    return replace(found, why_not=(*_not_sane(found), *_not_certain(found))), crossed


def _not_sane(found: SexFit) -> Sequence[str]:
    try:
        Line(intercept_months=found.intercept_months, slope=found.slope)
    except ValidationError:
        expected = f"a slope of {MIN_SLOPE:g} to {MAX_SLOPE:g} and an intercept within ±{MAX_INTERCEPT_MONTHS:g} months"
        received = f"{found.slope:.2f} and {found.intercept_months:+.1f}"
        return [f"expected {expected}, received {received}; look at the reads and at the model"]
    return []


def _not_certain(found: SexFit) -> Sequence[str]:
    if found.upper_months < 0:
        return []
    changed = f"the MAE changes by {found.change_months:+.2f} months, with 95% certainty by less than"
    return [f"it does not certainly help: {changed} {found.upper_months:+.2f}"]


def _intervals(
    served: Predictions, fold_of: npt.NDArray[np.int64], corrected: Collection[KnownSex]
) -> tuple[Calibration | None, str]:
    """Return the intervals of what will be served and words about them; None where the reads are too few."""
    count, is_covered = len(served.reference_months), np.zeros(len(served.reference_months), np.bool_)
    try:
        groups = residual_groups(served)
        for fold in np.unique(fold_of):
            is_in = fold_of == fold
            is_covered[is_in] = covers(residual_groups(served.where(~is_in)), served.where(is_in))
    except CalibrationError as error:
        return None, f"those of the model's card stay: {'; '.join(str(error).splitlines())}"
    who = " and ".join(WORDS[sex] for sex in WORDS if sex in corrected)
    words = f"{count:,} radiographs of the site" + (
        f", {who} corrected by lines fitted on other patients" if who else ""
    )
    tested = Cases("the same radiographs, cross-validated: each by the intervals of other patients", served)
    calibration = Calibration(
        calibrated_on=CalibratedOn.RADIOGRAPHS,
        data=words,
        cases=count,
        groups=groups,
        coverage=coverage_of(is_covered, tested),
    )
    return calibration, f"of {words}"


def _figures(found: SexFit) -> dict[str, Any]:
    numbers = {
        "intercept_months": found.intercept_months,
        "slope": found.slope,
        "mae_before_months": found.before_months,
        "mae_after_months": found.after_months,
        "change_months": found.change_months,
        "change_upper_months": found.upper_months,
    }
    return {
        "radiographs": found.radiographs,
        "patients": found.patients,
        **{name: None if math.isnan(one) else one for name, one in numbers.items()},
        "is_applied": found.is_applied,
        "why_not": list(found.why_not),
    }
