"""One look of the network at a radiograph, and another at its negative where it may be one; of a left hand each.

Before it: ``worker.assess`` has loaded the standard radiograph. After it: ``worker.estimate``, ``worker.explain``,
``worker.side`` and ``worker.review``. A wrong Photometric Interpretation gives a negative, on which a network guesses.
It is bright in its greater part and unlike what the network knows (``worker.novelty``), and less unlike once it is
inverted. The network knows left hands, whose thumb is on the right: a hand that lies the other way round is mirrored
for it.
"""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from db.vocabulary import Note, Sex, Side
from worker.active import Active
from worker.crop import Mask, hand_mask
from worker.engines import Predictions
from worker.estimate import sex_inputs
from worker.pose import Pose, pose_of
from worker.preprocess import preprocess
from worker.radiograph import mirrored, negative
from worker.side import Declared, taken_for

_LONG_SIDE_PIXELS: Final = 256
_NOTHING: Final = Declared()

Radiograph = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Look:
    """What the network saw.

    Attributes
    ----------
    radiograph
        (rows, columns) uint16, bone bright: the standard one or its negative, mirrored where it is taken for a right
        hand.
    hand
        Where in it the hand is, from `worker.crop.hand_mask`.
    pose
        How the hand lay before that.
    novelty
        Over the model's threshold; None where the model has no such check.
    preprocess_ms, predict_ms
        Of both looks, where there were two.
    """

    radiograph: Radiograph
    hand: Mask | None
    pose: Pose
    predictions: Predictions
    novelty: float | None
    preprocess_ms: float
    predict_ms: float
    notes: tuple[Note, ...] = ()


def look(radiograph: Radiograph, active: Active, sex: Sex, declared: Declared = _NOTHING) -> Look:
    """Ask the network about a radiograph, the right way round.

    Parameters
    ----------
    radiograph
        The standard one, (rows, columns) uint16. Not changed.
    active
        The model.
    sex
        Of the patient.
    declared
        What the header says of the side.
    """
    first = _look(radiograph, active, sex, declared)
    if first.novelty is None or first.novelty <= 1 or not may_be_negative(radiograph):
        return first  # what the network knows is no negative
    second = _look(negative(radiograph), active, sex, declared)
    took = {name: getattr(first, name) + getattr(second, name) for name in ("preprocess_ms", "predict_ms")}
    if second.novelty is None or second.novelty >= first.novelty:
        return replace(first, **took)
    return replace(second, notes=(Note.INVERTED,), **took)


def may_be_negative(radiograph: Radiograph) -> bool:
    """Return whether most of a radiograph is bright, as of a hand's negative, or of a hand that fills its picture.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16. Not changed.
    """
    factor = min(1.0, _LONG_SIDE_PIXELS / max(radiograph.shape))
    rows, columns = (max(1, round(side * factor)) for side in radiograph.shape)
    small = cv2.resize(radiograph.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    low, high = np.percentile(small, (1, 99))
    grey = np.rint(np.clip((small - low) / max(high - low, 1.0), 0, 1) * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    return bool((grey > threshold).mean() > 0.5)  # noqa: PLR2004  most of it


def _look(radiograph: Radiograph, active: Active, sex: Sex, declared: Declared) -> Look:
    card = active.bundle.card
    started = perf_counter()
    hand = hand_mask(radiograph)
    pose, seen = pose_of(hand), radiograph
    if taken_for(pose, declared) is Side.RIGHT:
        seen = mirrored(radiograph)
        hand = hand_mask(seen)
    image = preprocess(seen, card.preprocessing, active.bundle.folder)
    preprocessed = perf_counter()
    inputs = sex_inputs(card, sex)
    predictions = active.engine.predict(np.repeat(image[np.newaxis], len(inputs), axis=0), inputs)
    predicted = perf_counter()
    return Look(
        seen,
        hand,
        pose,
        predictions,
        active.novelty.ratio(predictions.embedding) if active.novelty else None,
        preprocess_ms=(preprocessed - started) * 1000,
        predict_ms=(predicted - preprocessed) * 1000,
    )
