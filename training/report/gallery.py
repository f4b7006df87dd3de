"""The gallery: the radiographs of each age group that a model finds most difficult, and what it looked at.

Before it: an engine and its predictions. After it: the report.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from db.vocabulary import Sex
from training.analysis import age_bands
from training.cases import Case
from training.evaluate import network_input
from training.predictions import Predictions
from worker.engines import Engine
from worker.explain import explain, overlay
from worker.preprocess import Preprocessing, encode_sex
from worker.stage import STAGES, stage

PER_BAND = 3

_JPEG_QUALITY = 88
_TO_16_BIT = 257


@dataclass(frozen=True)
class Exhibit:
    """One difficult radiograph.

    Attributes
    ----------
    answer
        The bone age in months, or the stage, that the model gives.
    difficulty
        Absolute error in months, or 1 less the probability of the right stage.
    picture, overlay
        Data URIs of JPEG files: the network's input, and the same with Grad-CAM.
    """

    name: str
    band: str
    sex: Sex
    reference_months: float
    chronological_age_months: float | None
    answer: str
    difficulty: float
    picture: str
    overlay: str


def gallery(
    engine: Engine, predictions: Predictions, images: npt.NDArray[np.uint8], cases: Sequence[Case]
) -> tuple[Exhibit, ...]:
    """Return the most difficult radiographs, by age band and then from the worst.

    Parameters
    ----------
    engine
        That made the predictions.
    predictions
        Of all radiographs.
    images
        (n, rows, columns) uint8, in their order. Not changed.
    cases
        What they show.
    """
    difficulty = difficulties(predictions)
    chosen = [
        (band, int(place))
        for band, is_in in age_bands(predictions.reference_months).items()
        for place in hardest(difficulty, is_in)
    ]
    if not chosen:  # a network that came to nothing answers none
        return ()
    places = [place for _, place in chosen]
    sex = np.array([encode_sex(cases[place].sex) for place in places], np.float32)
    heat_maps = engine.predict(network_input(images[places]), sex).heat_map
    return tuple(
        _exhibit(
            band,
            predictions,
            place,
            cases[place],
            pictures=_pictures(images[place], heat_map),
            difficulty=difficulty[place],
        )
        for (band, place), heat_map in zip(chosen, heat_maps, strict=True)
    )


def difficulties(predictions: Predictions) -> npt.NDArray[np.float64]:
    """Return how far off each answer is (n,): absolute months, or 1 less the probability of the right stage."""
    if predictions.stage_probabilities is None:
        return np.abs(predictions.predicted_months - predictions.reference_months)
    right = [STAGES.index(stage(months)) for months in predictions.reference_months]
    return np.asarray(1 - predictions.stage_probabilities[np.arange(len(right)), right])


def hardest(difficulty: npt.NDArray[np.float64], is_in: npt.NDArray[np.bool_]) -> list[int]:
    """Return where the greatest difficulties of a group are, at most three, from the greatest."""
    group = np.flatnonzero(is_in & np.isfinite(difficulty))
    return [int(place) for place in group[np.argsort(-difficulty[group], kind="stable")][:PER_BAND]]


def _exhibit(
    band: str, predictions: Predictions, place: int, case: Case, *, pictures: tuple[str, str], difficulty: float
) -> Exhibit:
    if predictions.stage_probabilities is None:
        months = predictions.predicted_months[place]
        answer = f"{months:.1f} months ({months - case.bone_age_months:+.1f})".replace("-", "−")
    else:
        probabilities = predictions.stage_probabilities[place]
        answer = f"{STAGES[int(probabilities.argmax())].lower()} ({probabilities.max():.0%})"
    return Exhibit(
        case.name,
        band,
        case.sex,
        case.bone_age_months,
        case.chronological_age_months,
        answer,
        float(difficulty),
        *pictures,
    )


def _pictures(image: npt.NDArray[np.uint8], heat_map: npt.NDArray[np.float32]) -> tuple[str, str]:
    as_it_is = Preprocessing(rows=image.shape[0], columns=image.shape[1])  # the heat map lies over the network input
    over = overlay(image.astype(np.uint16) * np.uint16(_TO_16_BIT), explain(heat_map).grid, as_it_is)
    return _data_uri(image), _data_uri(over[:, :, ::-1])


def _data_uri(picture: npt.NDArray[np.uint8]) -> str:
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"
