"""What a model says of drawn hands it has never seen, and the summary of its errors for the card.

Before it: `training.fit` or an exported bundle. After it: `training.analysis`, or the metrics in the bundle's card.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from db.vocabulary import Sex
from training.analysis import Analysis, Errors, Figure
from training.dataset import Subject
from training.predictions import Predictions
from worker.bundle import ErrorSummary, Interval, Metrics
from worker.preprocess import encode_sex

Float32 = npt.NDArray[np.float32]

_BATCH_SIZE = 32


def predict(
    name: str,
    predict_months: Callable[[Float32, Float32], Float32],
    images: npt.NDArray[np.uint8],
    subjects: list[Subject],
) -> Predictions:
    """Ask a model for the bone ages of drawn hands.

    Parameters
    ----------
    name
        Of the model.
    predict_months
        From image (n, rows, columns, 1) float32 in [0, 1] and sex (n,) float32 to months (n,).
    images
        (n, rows, columns) uint8 from `training.dataset.images`.
    subjects
        The hands, in the same order.

    Returns
    -------
    Predictions
        Beside the ages that the hands were drawn at.
    """
    sex = np.array([encode_sex(subject.sex) for subject in subjects], np.float32)
    predicted = [
        predict_months(network_input(images[start : start + _BATCH_SIZE]), sex[start : start + _BATCH_SIZE])
        for start in range(0, len(images), _BATCH_SIZE)
    ]
    return Predictions(
        name,
        np.array([subject.bone_age_months for subject in subjects]),
        np.concatenate(predicted).astype(np.float64),
        np.array([subject.sex is Sex.MALE for subject in subjects]),
    )


def network_input(images: npt.NDArray[np.uint8]) -> Float32:
    """Return cached pictures as network input: (n, rows, columns) uint8 to (n, rows, columns, 1) float32 in [0, 1]."""
    return images[..., np.newaxis].astype(np.float32) / np.float32(255)


def metrics(analysis: Analysis, subjects: list[Subject]) -> Metrics:
    """Summarise the errors on drawn hands for a card.

    Parameters
    ----------
    analysis
        Of what a model said of them.
    subjects
        The hands.

    Returns
    -------
    Metrics
        In months, to a hundredth; a band ``36-71`` holds ages from 36 up to but not including 72.
    """
    return Metrics(
        held_out=f"{len(subjects)} drawn hands with seeds from {subjects[0].seed}, none used in training",
        overall=_summary(analysis.overall),
        by_sex={"F": _summary(analysis.by_sex[Sex.FEMALE]), "M": _summary(analysis.by_sex[Sex.MALE])},
        by_age_band_months={band: _summary(errors) for band, errors in analysis.by_age_band.items()},
    )


def _summary(errors: Errors) -> ErrorSummary:
    return ErrorSummary(
        radiographs=errors.radiographs,
        mae_months=_interval(errors.figures["mae"]),
        mean_error_months=_interval(errors.figures["mean_error"]),
    )


def _interval(figure: Figure) -> Interval | None:
    if math.isnan(figure.low):
        return None
    return Interval(value=round(figure.value, 2), low=round(figure.low, 2), high=round(figure.high, 2))
