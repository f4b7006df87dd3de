"""A hand's silhouette in a window that is the same for every hand, and how likely it is for each turn and either side.

Before it: `worker.crop.hand_mask` found the hand. After it: `worker.pose`. The window lies about the inmost point of
the palm and is measured by the palm's half width, so that neither the hand's size nor how much of the forearm is seen
matters. It is polar: turning the hand shifts it, and mirroring the hand reverses it.

The mean silhouettes in ``silhouettes.png`` are those of drawn left hands, upright, their thumb on the right; ``python
-m training silhouettes`` makes them. No radiograph of a patient had a part in them.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

FILE: Final = Path(__file__).with_name("silhouettes.png")
ANGLES: Final = 72  # of 5°, clockwise from upwards
RADII: Final = 16
_REACH: Final = 4.0  # half widths of the palm, which the longest fingers of grown hands go a little beyond
_FULL_SCALE: Final = 255
_LEAST_PROBABILITY: Final = 0.03  # one pixel of dirt must not decide

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Silhouette:
    """A hand in its window.

    Attributes
    ----------
    hand
        (angles, radii) float64, 0 outside of the hand to 1 inside.
    is_seen
        (angles, radii) bool: whether the place lies in the picture.
    """

    hand: Float64
    is_seen: npt.NDArray[np.bool_]


def silhouette(mask: npt.NDArray[np.uint8]) -> Silhouette:
    """Put a hand into its window.

    Parameters
    ----------
    mask
        (rows, columns) uint8, 1 in the hand and 0 outside, some of it 1. Not changed.
    """
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.asarray(cv2.drawContours(np.zeros_like(mask), list(outlines), -1, 1, cv2.FILLED), np.uint8)
    framed = cv2.copyMakeBorder(filled, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)  # no forearm goes on outside
    distances = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    _, half_width, _, palm = cv2.minMaxLoc(distances)
    angles = np.arange(ANGLES)[:, np.newaxis] * (2 * np.pi / ANGLES)
    radii = (np.arange(RADII) + 0.5) * (_REACH * half_width / RADII)
    across = np.asarray(palm[0] + np.sin(angles) * radii, np.float32)
    down = np.asarray(palm[1] - np.cos(angles) * radii, np.float32)
    blurred = cv2.GaussianBlur(filled.astype(np.float32), (0, 0), max(0.5, _REACH * half_width / RADII / 2))
    hand = cv2.remap(blurred, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    is_seen = (across >= 0) & (across <= mask.shape[1] - 1) & (down >= 0) & (down <= mask.shape[0] - 1)
    return Silhouette(np.asarray(hand, np.float64), is_seen)


def log_likelihoods(seen: Silhouette, means: Float64) -> Float64:
    """Return how likely a silhouette is for each turn of a hand that lies like one of the mean ones, or mirrored.

    Parameters
    ----------
    seen
        The hand. Not changed.
    means
        (k, angles, radii) float64 in (0, 1). Not changed.

    Returns
    -------
    numpy.ndarray
        (2, angles, k) float64, as they are and mirrored, turned clockwise by so many angles: the mean logarithm over
        the places that are seen.
    """
    inside = np.fft.rfft(seen.hand * seen.is_seen, axis=0)
    outside = np.fft.rfft((1 - seen.hand) * seen.is_seen, axis=0)
    both = np.stack([means, np.roll(means[:, ::-1], 1, axis=1)])
    if_inside, if_outside = (np.conj(np.fft.rfft(np.log(one), axis=2)) for one in (both, 1 - both))
    sums = np.fft.irfft((inside * if_inside + outside * if_outside).sum(axis=3), n=ANGLES, axis=2)
    return np.asarray(sums.transpose(0, 2, 1) / max(1, int(seen.is_seen.sum())))


@cache
def shipped() -> Float64:
    """Return the mean silhouettes that ship with Carpus, (k, angles, radii) float64, each above 0 and below 1."""
    return decoded(FILE.read_bytes())


def encoded(means: Float64) -> bytes:
    """Return mean silhouettes, (k, angles, radii) in [0, 1], as a PNG, one beside the other."""
    grey = np.rint(np.hstack(list(means)) * _FULL_SCALE).astype(np.uint8)
    _, png = cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return png.tobytes()


def decoded(png: bytes) -> Float64:
    """Return the mean silhouettes of such a PNG; nothing in them is impossible."""
    grey = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None or grey.shape[0] != ANGLES or grey.shape[1] % RADII:
        raise ValueError(f"expected a PNG of {ANGLES} rows and a multiple of {RADII} columns")
    means = np.stack(np.hsplit(grey / _FULL_SCALE, grey.shape[1] // RADII))
    return np.clip(means, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
