"""A site's linear correction of bone ages, by sex, where the site's own reads showed that it helps.

Before it: `worker.estimate` says what the network answered; `training.site_calibration` fitted the lines on the site's
reads, and `training.site_record` kept them in the table ``site_calibration``. After it: stage, interval and deviation,
which all follow from the corrected estimate. The network's own answers are not kept beside the corrected ones.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from db import tables
from db.errors import PermanentError
from db.tables import MAX_BONE_AGE_MONTHS
from db.vocabulary import Sex
from worker.calibration import Calibration, KnownSex
from worker.estimate import Estimate

# Beyond these it is no correction of a network that works, but a sign that the reads or the network are wrong.
MIN_SLOPE, MAX_SLOPE = 0.5, 2.0
# As far as the steepest of these lines is off at 0 months if it leaves 120 months, half of growth, where they are.
MAX_INTERCEPT_MONTHS = 120.0

Float64 = npt.NDArray[np.float64]


class CorrectionError(PermanentError):
    """A row of ``site_calibration`` is not what this version of Carpus can apply."""


class Line(BaseModel):
    """The straight line from a network's bone age to the reference that is to be expected, both in months."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept_months: Annotated[float, Field(ge=-MAX_INTERCEPT_MONTHS, le=MAX_INTERCEPT_MONTHS, allow_inf_nan=False)]
    slope: Annotated[float, Field(ge=MIN_SLOPE, le=MAX_SLOPE, allow_inf_nan=False)]


class Correction(RootModel[dict[KnownSex, Line]]):
    """A line for each sex whose bone ages are corrected; those of a sex without one stay as they are."""

    model_config = ConfigDict(frozen=True)

    def line_for(self, sex: Sex) -> Line | None:
        """Return the line of a sex; of an unknown one that of both, if both have the same, for it may be either."""
        lines = {Sex(one): line for one, line in self.root.items()}
        if sex.is_known:
            return lines.get(sex)
        return lines.get(Sex.FEMALE) if lines.get(Sex.FEMALE) == lines.get(Sex.MALE) else None


@dataclass(frozen=True)
class SiteCalibration:
    """What a site corrects of one model version's answers.

    Attributes
    ----------
    id
        Of its row in ``site_calibration``.
    calibration
        Of the intervals of what is served, corrected or not; None where those of the model's card stay.
    """

    id: int
    correction: Correction
    calibration: Calibration | None = None


def on_line(bone_age_months: Float64, intercept_months: float, slope: float) -> Float64:
    """Return bone ages (n,) corrected by a line, clipped to 0 to 300 months; NaN stays NaN. Not changed in place."""
    return np.clip(intercept_months + slope * bone_age_months, 0, MAX_BONE_AGE_MONTHS)


def corrected(estimated: Estimate, correction: Correction, sex: Sex) -> Estimate:
    """Return an estimate with each of its months corrected by the line of the sex that they were estimated under.

    Parameters
    ----------
    estimated
        What the network says; stages are left alone. Not changed.
    correction
        Of the site.
    sex
        Of the patient. Where it is unknown, the one number of a network that takes no sex stays as it is, unless both
        sexes have the same line: no line is more right than the other.

    Returns
    -------
    Estimate
        In months within 0 to 300. Those of a network that takes no sex may differ between the sexes now.
    """
    return replace(
        estimated,
        bone_age_months=_by(correction.line_for(sex), estimated.bone_age_months),
        if_female_months=_by(correction.line_for(Sex.FEMALE), estimated.if_female_months),
        if_male_months=_by(correction.line_for(Sex.MALE), estimated.if_male_months),
    )


def of_version(session: Session, model_version_id: int) -> SiteCalibration | None:
    """Return what a site corrects of a model version's answers now; None where that is nothing.

    Parameters
    ----------
    session
        An open transaction.
    model_version_id
        The version.

    Raises
    ------
    CorrectionError
        When its row cannot be applied.
    """
    table = tables.SiteCalibration
    current = select(table).where(table.model_version_id == model_version_id, table.retired_at.is_(None))
    row = session.scalar(current)
    if row is None or not (row.correction or row.calibration):
        return None
    try:
        correction = Correction.model_validate(row.correction)
        calibration = None if row.calibration is None else Calibration.model_validate(row.calibration)
    except ValidationError as error:
        raise CorrectionError(
            f"site_calibration {row.id}: not one of this version of Carpus; fit it again, or retire it: {error}"
        ) from error
    return SiteCalibration(row.id, correction, calibration)


def _by(line: Line | None, bone_age_months: float | None) -> float | None:
    if line is None or bone_age_months is None:
        return bone_age_months
    return float(on_line(np.array(bone_age_months), line.intercept_months, line.slope))
