"""The 33 variants of a radiograph that a model is tried with, and how each is made.

Before it: standard radiographs. After it: `training.report.stress`. The kinds are those of the reference; the amounts
are chosen here. A variant is made of the standard radiograph, for the model's crop and equalising meet it too.

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

UInt16 = npt.NDArray[np.uint16]

_GREATEST = 65535
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


def _rotated(image: UInt16, degrees: float) -> UInt16:
    """Turn a radiograph in a frame that holds all of it."""
    rows, columns = image.shape
    turn = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), degrees, 1.0)
    cosine, sine = abs(turn[0, 0]), abs(turn[0, 1])
    width, height = round(columns * cosine + rows * sine), round(columns * sine + rows * cosine)
    turn[:, 2] += (width - columns) / 2, (height - rows) / 2
    return np.asarray(cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR), np.uint16)


def _flipped(image: UInt16, axis: float) -> UInt16:
    return np.ascontiguousarray(np.flip(image, int(axis)))


def _brightened(image: UInt16, fraction: float) -> UInt16:
    return _rounded(image + fraction * _GREATEST)


def _contrasted(image: UInt16, factor: float) -> UInt16:
    return _rounded((image - _GREATEST / 2) * factor + _GREATEST / 2)


def _inverted(image: UInt16, _: float) -> UInt16:
    return np.asarray(_GREATEST - image, np.uint16)


def _marked(image: UInt16, corner: float) -> UInt16:
    """Write a letter in a corner: 0 and 1 at the top, left and right, 2 and 3 at the bottom."""
    letters, (rows, columns) = np.zeros(image.shape, np.uint8), image.shape
    height = max(6, round(_MARKER_FRACTION * rows))
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, height, max(1, height // 8))
    letter, margin = "RL"[int(corner) % 2], max(2, height // 3)
    (width, _), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, scale, max(1, height // 8))
    left = margin if int(corner) % 2 == 0 else columns - margin - width
    bottom = margin + height if corner <= 1 else rows - margin
    place, thickness = (left, bottom), max(1, height // 8)
    cv2.putText(letters, letter, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
    return np.asarray(np.maximum(image, letters.astype(np.uint16) * _TO_16_BIT), np.uint16)


def _coarsened(image: UInt16, factor: float) -> UInt16:
    rows, columns = image.shape
    small = (max(1, round(columns / factor)), max(1, round(rows / factor)))
    coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint16)


def _rounded(values: npt.NDArray[np.floating]) -> UInt16:
    return np.asarray(np.clip(np.rint(values), 0, _GREATEST), np.uint16)


_ALTER: Mapping[Kind, Callable[[UInt16, float], UInt16]] = {
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


def altered(radiograph: UInt16, variant: Variant) -> UInt16:
    """Make a variant of a radiograph.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright. Not changed.
    variant
        One of `VARIANTS`.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint16; turned, in a larger frame.
    """
    return _ALTER[variant.kind](radiograph, variant.amount)
