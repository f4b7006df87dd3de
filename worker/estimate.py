"""What an engine's answer says of one radiograph: months or nothing, within what a bone age can be.

Before it: an engine predicted a batch. After it: ``worker.stage`` and ``worker.record``.
"""

from dataclasses import dataclass

import numpy as np

from db.tables import MAX_BONE_AGE_MONTHS
from worker.engines import Float32, Predictions


@dataclass(frozen=True)
class Estimate:
    """Bone age in months, 0 to 300; the first is None where the network needs the sex and it is unknown."""

    bone_age_months: float | None
    if_female_months: float | None
    if_male_months: float | None


def estimate(predictions: Predictions) -> Estimate:
    """Take the first radiograph's months out of a batch.

    Parameters
    ----------
    predictions
        Of an engine, for at least one radiograph; NaN stands for none. Not changed.
    """
    return Estimate(
        _months(predictions.bone_age_months),
        _months(predictions.bone_age_if_female_months),
        _months(predictions.bone_age_if_male_months),
    )


def _months(months: Float32) -> float | None:
    first = float(months[0])
    return None if np.isnan(first) else float(np.clip(first, 0, MAX_BONE_AGE_MONTHS))
