"""How far off a model is on drawn hands it has never seen: mean absolute error with intervals, by sex and age band.

Before it: `training.fit` or an exported bundle. After it: the metrics in the bundle's card, or a table on the screen.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from rich.table import Table

from db.vocabulary import Sex
from training.dataset import Subject
from worker.bundle import ErrorSummary, Interval, Metrics
from worker.preprocess import encode_sex

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Lower edges, months of bone age; 120 and 216 are where the stages change.
_AGE_BAND_EDGES_MONTHS = (0, 36, 72, 120, 168, 216, 241)

_BOOTSTRAP_SAMPLES = 2000
_BATCH_SIZE = 32


def evaluate(
    predict_months: Callable[[Float32, Float32], Float32], images: npt.NDArray[np.uint8], subjects: list[Subject]
) -> Metrics:
    """Compare predictions with the ages the hands were drawn at.

    Parameters
    ----------
    predict_months
        From image (n, rows, columns, 1) float32 in [0, 1] and sex (n,) float32 to months (n,).
    images
        (n, rows, columns) uint8 from `training.dataset.images`.
    subjects
        The hands, in the same order.

    Returns
    -------
    Metrics
        In months.
    """
    sex = np.array([encode_sex(subject.sex) for subject in subjects], np.float32)
    predicted = [
        predict_months(network_input(images[start : start + _BATCH_SIZE]), sex[start : start + _BATCH_SIZE])
        for start in range(0, len(images), _BATCH_SIZE)
    ]
    return summarise(np.concatenate(predicted).astype(np.float64), subjects)


def network_input(images: npt.NDArray[np.uint8]) -> Float32:
    """Return cached pictures as network input: (n, rows, columns) uint8 to (n, rows, columns, 1) float32 in [0, 1]."""
    return images[..., np.newaxis].astype(np.float32) / np.float32(255)


def summarise(predicted_months: Float64, subjects: list[Subject]) -> Metrics:
    """Summarise the errors over all hands, by sex and by age band.

    Parameters
    ----------
    predicted_months
        (n,) float64.
    subjects
        The hands, in the same order.

    Returns
    -------
    Metrics
        In months; a band ``36-71`` holds ages from 36 up to but not including 72.
    """
    reference_months = np.array([subject.bone_age_months for subject in subjects])
    errors = predicted_months - reference_months
    is_male = np.array([subject.sex is Sex.MALE for subject in subjects])
    bands = {
        f"{low}-{high - 1}": (reference_months >= low) & (reference_months < high)
        for low, high in pairwise(_AGE_BAND_EDGES_MONTHS)
    }
    return Metrics(
        held_out=f"{len(subjects)} drawn hands with seeds from {subjects[0].seed}, none used in training",
        overall=_summary(errors),
        by_sex={"F": _summary(errors[~is_male]), "M": _summary(errors[is_male])},
        by_age_band_months={band: _summary(errors[is_inside]) for band, is_inside in bands.items()},
    )


def table(metrics: Metrics) -> Table:
    """Return metrics as a table for the screen.

    Parameters
    ----------
    metrics
        From `evaluate`.

    Returns
    -------
    rich.table.Table
        One line for all, each sex and each age band.
    """
    drawn = Table("", "n", "MAE, months", "mean error, months", title=metrics.held_out)
    lines = [("all", metrics.overall), *metrics.by_sex.items()]
    lines += [(f"{band} months", summary) for band, summary in metrics.by_age_band_months.items()]
    for name, summary in lines:
        drawn.add_row(name, str(summary.radiographs), _text(summary.mae_months), _text(summary.mean_error_months))
    return drawn


def _summary(errors: Float64) -> ErrorSummary:
    if errors.size == 0:
        return ErrorSummary(radiographs=0, mae_months=None, mean_error_months=None)
    return ErrorSummary(
        radiographs=errors.size, mae_months=_interval(np.abs(errors)), mean_error_months=_interval(errors)
    )


def _interval(values: Float64) -> Interval:
    """Return the mean with its 95% percentile bootstrap interval, to a hundredth of a month."""
    samples = np.random.default_rng(0).choice(values, (_BOOTSTRAP_SAMPLES, values.size)).mean(axis=1)
    low, high = np.percentile(samples, (2.5, 97.5))
    return Interval(value=round(values.mean(), 2), low=round(low, 2), high=round(high, 2))


def _text(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.value:.1f} ({interval.low:.1f} to {interval.high:.1f})"
