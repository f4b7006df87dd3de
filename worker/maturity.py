"""A bone age beside the child's age: by how many standard deviations it differs, and how sure that is.

Before it: ``worker.estimate`` with the calibration of the model's card, and what the header says of the age. After it:
``worker.record``. Where the sex, the age or its standard deviation is not known, the row has the reason and no score.

References
----------
The standard deviations are those of ``worker.brush``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from db.vocabulary import AgeSource, Maturity, SdsUnknown, Sex
from worker import brush
from worker.calibration import Calibration, ResidualGroup, group_of
from worker.estimate import Estimate, interval_of

SURE_FROM = 0.8  # with less for the likeliest, the maturity is indeterminate
_UNKNOWN_SPAN_MONTHS = 12.0  # of an age stated before its unit was noted: years are the widest and the usual ones
_AGES = 25  # at which a stated age's unit is looked at

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChronologicalAge:
    """How old a child was: from `from_months` up to `span_months` more, for a stated age is in whole units."""

    from_months: float
    span_months: float

    @classmethod
    def of(cls, months: float | None, source: str | None, span_months: float | None) -> "ChronologicalAge | None":
        """Return the age in a row; None where it is not known."""
        if months is None:
            return None
        unknown = _UNKNOWN_SPAN_MONTHS if source == AgeSource.PATIENT_AGE else 0.0
        return cls(months, unknown if span_months is None else span_months)

    @property
    def middle_months(self) -> float:
        """The age to reckon with where one must."""
        return self.from_months + self.span_months / 2

    @property
    def possible_months(self) -> Float64:
        """Ages (n,) months over the whole span, evenly; one where it is exact."""
        count = _AGES if self.span_months else 1
        return np.linspace(self.from_months, self.from_months + self.span_months, count)


@dataclass(frozen=True)
class MaturityProbabilities:
    """How likely the true bone age is delayed, normal or advanced, 0 to 1; they sum to 1."""

    delayed: float
    normal: float
    advanced: float

    @property
    def maturity(self) -> Maturity:
        """The likeliest, if it is likely enough."""
        likeliest, probability = max(
            (Maturity.NORMAL, self.normal),
            (Maturity.DELAYED, self.delayed),
            (Maturity.ADVANCED, self.advanced),
            key=lambda one: one[1],
        )
        return likeliest if probability >= SURE_FROM else Maturity.INDETERMINATE


@dataclass(frozen=True)
class Deviation:
    """A bone age's distance from the chronological age in Brush standard deviations.

    Attributes
    ----------
    sds
        At the middle of the chronological age.
    low_sds, high_sds
        From the lower end of the bone age's 90% interval at the oldest that the child may be, to the upper end at the
        youngest; None where the model is not calibrated.
    probabilities
        None where the model is not calibrated.
    """

    sds: float
    low_sds: float | None = None
    high_sds: float | None = None
    probabilities: MaturityProbabilities | None = None


def deviation(
    estimated: Estimate, calibration: Calibration | None, sex: Sex, age: ChronologicalAge | None
) -> Deviation | SdsUnknown:
    """Return how a radiograph's bone age deviates from the child's age, or why nobody can tell.

    Parameters
    ----------
    estimated
        Its bone age.
    calibration
        Of the model, if it has one.
    sex
        Of the patient.
    age
        Of the patient, if it is known.
    """
    months = estimated.bone_age_months
    if not sex.is_known:
        return SdsUnknown.SEX
    if months is None:
        return SdsUnknown.NO_BONE_AGE
    if age is None:
        return SdsUnknown.CHRONOLOGICAL_AGE
    ages = age.possible_months
    if np.isnan(brush.sd_months(sex, ages)).any():
        return SdsUnknown.OUTSIDE_TABLE
    score = float(brush.sds(sex, months, age.middle_months))
    interval = interval_of(estimated, calibration, sex)
    if interval is None or calibration is None:
        return Deviation(score)
    return Deviation(
        score,
        float(brush.sds(sex, interval.low_months, ages).min()),
        float(brush.sds(sex, interval.high_months, ages).max()),
        probabilities(months, group_of(calibration.groups, months, sex), sex, ages),
    )


def probabilities(bone_age_months: float, residuals: ResidualGroup, sex: Sex, ages: Float64) -> MaturityProbabilities:
    """Return how likely each maturity is, by how far such predictions were off on calibration cases.

    Parameters
    ----------
    bone_age_months
        The prediction.
    residuals
        Of the band that holds it, as in `worker.stage.stage_probabilities`.
    sex
        Male or female.
    ages
        (n,) months within the table, one as likely as another.
    """
    quantiles = residuals.residual_quantiles_months
    levels = np.linspace(0, 1, len(quantiles))
    usual = brush.USUAL_SDS * brush.sd_months(sex, ages)
    delayed = float(np.interp(ages - usual - bone_age_months, quantiles, levels).mean())
    advanced = float(1 - np.interp(ages + usual - bone_age_months, quantiles, levels).mean())
    return MaturityProbabilities(delayed, 1 - delayed - advanced, advanced)
