"""How many references lie in the 90% intervals that a bundle gives: of the evaluated radiographs, not of its card's.

Before it: a card with a calibration, and predictions. After it: the report.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from db.vocabulary import Sex
from training.analysis import Figure, age_bands
from training.calibrate import covers
from training.predictions import Predictions
from worker.calibration import Calibration


@dataclass(frozen=True)
class Share:
    """The fraction of some radiographs whose reference lies in the interval."""

    radiographs: int
    covered: Figure


@dataclass(frozen=True)
class ReportedCoverage:
    """Coverage of the evaluated radiographs, beside the calibration that it tries."""

    calibration: Calibration
    overall: Share
    by_sex: Mapping[Sex, Share]
    by_age_band: Mapping[str, Share]


def coverage(calibration: Calibration, predictions: Predictions) -> ReportedCoverage:
    """Return which part of the references lies in its interval.

    Parameters
    ----------
    calibration
        Of the card.
    predictions
        With a bone age for every radiograph, none of which served the calibration.
    """
    is_covered = covers(calibration.groups, predictions)
    bands = age_bands(predictions.reference_months)

    def share(is_in: npt.NDArray[np.bool_]) -> Share:
        return Share(int(is_in.sum()), Figure.of_share(is_covered[is_in], predictions.patients[is_in]))

    return ReportedCoverage(
        calibration,
        share(np.ones_like(predictions.is_male)),
        {Sex.FEMALE: share(~predictions.is_male), Sex.MALE: share(predictions.is_male)},
        {band: share(is_in) for band, is_in in bands.items()},
    )
