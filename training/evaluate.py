"""What a model says of radiographs it has never seen, and the summary of its errors for the card.

Before it: `training.fit` or an exported bundle. After it: `training.analysis`, or the metrics in the bundle's card.
"""

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from rich.progress import track

from db.tables import MAX_BONE_AGE_MONTHS
from db.vocabulary import Sex
from training.analysis import Analysis, Errors, Figure
from training.cases import Case
from training.predictions import Predictions, numbered
from worker.card import ErrorSummary, Interval, Metrics
from worker.engines import Engine
from worker.preprocess import encode_sex

Float32 = npt.NDArray[np.float32]

BATCH_SIZE = 32


def ask(
    name: str, engine: Engine, images: npt.NDArray[np.uint8], cases: Sequence[Case], *, is_shown: bool = True
) -> tuple[Predictions, float]:
    """Ask an engine for whatever its bundle answers, and time it.

    Parameters
    ----------
    name
        Of the model.
    engine
        Warm.
    images
        (n, rows, columns) uint8 from `training.cache.images`.
    cases
        What they show, in the same order.
    is_shown
        Whether a progress bar is.

    Returns
    -------
    tuple of Predictions and float
        Answers beside the references, and the median over batches of milliseconds a radiograph, heat map included.
    """
    found, milliseconds = [], []
    count = math.ceil(len(images) / BATCH_SIZE)
    for image, sex in track(batches(images, cases), f"asking {name}", count, disable=not is_shown):
        start = time.perf_counter()
        found.append(engine.predict(image, sex))
        milliseconds.append(1000 * (time.perf_counter() - start) / len(sex))
    probabilities = [one.stage_probabilities for one in found]
    known = [one for one in probabilities if one is not None]
    stages = np.concatenate(known).astype(np.float64) if known else None
    months = np.concatenate([one.bone_age_months for one in found])
    return _beside(name, cases, months, stages), float(np.median(milliseconds))


def batches(images: npt.NDArray[np.uint8], cases: Sequence[Case]) -> Iterator[tuple[Float32, Float32]]:
    """Yield network input (n, rows, columns, 1) and sex (n,), 32 radiographs at a time."""
    sex = np.array([encode_sex(case.sex) for case in cases], np.float32)
    for start in range(0, len(images), BATCH_SIZE):
        yield network_input(images[start : start + BATCH_SIZE]), sex[start : start + BATCH_SIZE]


def _beside(
    name: str, cases: Sequence[Case], months: Float32, stage_probabilities: npt.NDArray[np.float64] | None = None
) -> Predictions:
    ages = [case.chronological_age_months for case in cases]
    return Predictions(
        name,
        np.array([case.bone_age_months for case in cases]),
        np.clip(months.astype(np.float64), 0, MAX_BONE_AGE_MONTHS),  # as `worker.estimate` gives them
        np.array([case.sex is Sex.MALE for case in cases]),
        tuple(case.name for case in cases),
        np.array([math.nan if age is None else age for age in ages]),
        stage_probabilities,
        numbered([case.patient for case in cases]),
    )


def network_input(images: npt.NDArray[np.uint8]) -> Float32:
    """Return cached pictures as network input: (n, rows, columns) uint8 to (n, rows, columns, 1) float32 in [0, 1]."""
    return images[..., np.newaxis].astype(np.float32) / np.float32(255)


def metrics(analysis: Analysis, words: str) -> Metrics:
    """Summarise the errors on cases that training has not seen, for a card.

    Parameters
    ----------
    analysis
        Of what a model said of them.
    words
        What cases these are.

    Returns
    -------
    Metrics
        In months, to a hundredth; a band ``36-71`` holds ages from 36 up to but not including 72. Of the stages the
        accuracy, the weighted kappa and the recalls, to a thousandth.
    """
    stages = analysis.overall.stage_figures
    return Metrics(
        held_out=f"{analysis.overall.radiographs} {words}; none used in training",
        overall=_summary(analysis.overall),
        by_sex={"F": _summary(analysis.by_sex[Sex.FEMALE]), "M": _summary(analysis.by_sex[Sex.MALE])},
        by_age_band_months={band: _summary(errors) for band, errors in analysis.by_age_band.items()},
        stages={name: told for name, one in stages.items() if (told := _interval(one, digits=3)) is not None},
    )


def _summary(errors: Errors) -> ErrorSummary:
    return ErrorSummary(
        radiographs=errors.radiographs,
        mae_months=_interval(errors.figures["mae"]),
        mean_error_months=_interval(errors.figures["mean_error"]),
    )


def _interval(figure: Figure, digits: int = 2) -> Interval | None:
    if math.isnan(figure.low):
        return None
    value, low, high = (round(one, digits) for one in (figure.value, figure.low, figure.high))
    return Interval(value=value, low=low, high=high)
