"""The 33 variants of a radiograph that a model is tried with, and how each is made.

Before it: cached pictures. After it: `training.report.stress`. The kinds are those of the reference; the amounts are
chosen here. A variant is made in the grey values that a sender's image would have, and then goes through the last step
of the card's preprocessing again, for the worker would stretch the values of the variant too.

References
----------
Santomartino et al., Evaluating the Robustness of a Deep Learning Bone Age Algorithm to Clinical Image Variation Using
Computational Stress Testing, Radiology: Artificial Intelligence, 2024.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from worker.preprocess import Preprocessing, preprocess

UInt8 = npt.NDArray[np.uint8]

_GREATEST = 255
_TO_16_BIT = 257
_MARKER_FRACTION = 0.12  # of the rows: the height of a lead letter beside a hand


class Kind(StrEnum):
    """In what a variant differs."""

    ROTATION = "rotation"
    FLIP = "flip"
    BRIGHTNESS = "brightness"
    CONTRAST = "contrast"
    INVERSION = "inversion"
    MARKER = "laterality marker"
    RESOLUTION = "resolution"


@dataclass(frozen=True)
class Variant:
    """One way in which a radiograph may come differently; ``amount`` is in the words of its kind below."""

    kind: Kind
    amount: float
    words: str


def _rotated(image: UInt8, degrees: float) -> UInt8:
    rows, columns = image.shape
    turn = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, turn, (columns, rows), flags=cv2.INTER_LINEAR), np.uint8)


def _flipped(image: UInt8, axis: float) -> UInt8:
    return np.ascontiguousarray(np.flip(image, int(axis)))


def _brightened(image: UInt8, fraction: float) -> UInt8:
    return _rounded(image + fraction * _GREATEST)


def _contrasted(image: UInt8, factor: float) -> UInt8:
    return _rounded((image - _GREATEST / 2) * factor + _GREATEST / 2)


def _inverted(image: UInt8, _: float) -> UInt8:
    return np.asarray(_GREATEST - image, np.uint8)


def _marked(image: UInt8, corner: float) -> UInt8:
    """Write a letter in a corner: 0 and 1 at the top, left and right, 2 and 3 at the bottom."""
    marked, (rows, columns) = image.copy(), image.shape
    height = max(6, round(_MARKER_FRACTION * rows))
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, height, max(1, height // 8))
    letter, margin = "RL"[int(corner) % 2], max(2, height // 3)
    (width, _), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, scale, max(1, height // 8))
    left = margin if int(corner) % 2 == 0 else columns - margin - width
    bottom = margin + height if corner <= 1 else rows - margin
    cv2.putText(
        marked, letter, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, _GREATEST, max(1, height // 8), cv2.LINE_AA
    )
    return marked


def _coarsened(image: UInt8, factor: float) -> UInt8:
    rows, columns = image.shape
    small = (max(1, round(columns / factor)), max(1, round(rows / factor)))
    coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)


def _rounded(values: npt.NDArray[np.floating]) -> UInt8:
    return np.asarray(np.clip(np.rint(values), 0, _GREATEST), np.uint8)


_ALTER: Mapping[Kind, Callable[[UInt8, float], UInt8]] = {
    Kind.ROTATION: _rotated,
    Kind.FLIP: _flipped,
    Kind.BRIGHTNESS: _brightened,
    Kind.CONTRAST: _contrasted,
    Kind.INVERSION: _inverted,
    Kind.MARKER: _marked,
    Kind.RESOLUTION: _coarsened,
}

_DEGREES = (5, -5, 10, -10, 20, -20, 45, -45, 90, -90, 180)
_MARKERS = ("R at the top left", "L at the top right", "R at the bottom left")

VARIANTS: tuple[Variant, ...] = (
    *(Variant(Kind.ROTATION, degrees, f"by {degrees:+d}°".replace("-", "−")) for degrees in _DEGREES),
    Variant(Kind.FLIP, 1, "left to right"),
    Variant(Kind.FLIP, 0, "top to bottom"),
    *(Variant(Kind.BRIGHTNESS, one, f"{one:+.0%} of the range".replace("-", "−")) for one in (-0.3, -0.2, -0.1)),
    *(Variant(Kind.BRIGHTNESS, one, f"{one:+.0%} of the range") for one in (0.1, 0.2, 0.3)),
    *(Variant(Kind.CONTRAST, factor, f"× {factor:g}") for factor in (0.5, 0.7, 0.85, 1.15, 1.3, 1.5)),
    Variant(Kind.INVERSION, 1, "bone dark"),
    *(Variant(Kind.MARKER, corner, words) for corner, words in enumerate(_MARKERS)),
    *(Variant(Kind.RESOLUTION, factor, f"1/{factor} of the pixels a side") for factor in (2, 4, 8, 16)),
)


def altered(image: UInt8, variant: Variant, preprocessing: Preprocessing) -> UInt8:
    """Make a variant of a picture.

    Parameters
    ----------
    image
        (rows, columns) uint8, the network's input times 255. Not changed.
    variant
        One of `VARIANTS`.
    preprocessing
        Of the model's card. The crop and CLAHE have been done; the stretch of the values is done again.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint8.
    """
    changed = _ALTER[variant.kind](image, variant.amount).astype(np.uint16) * np.uint16(_TO_16_BIT)
    last_step = preprocessing.model_copy(update={"crop": "none", "clahe": None})
    return _rounded(preprocess(changed, last_step)[..., 0] * _GREATEST)
