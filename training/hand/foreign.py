"""What is in the beam beside the hand, now and then: a ring, a cast.

Before it come the paths through bone and flesh; after it `exposure` adds up all that weakens the beam.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.hand.blur import wide_blur
from training.hand.look import Foreign
from training.hand.skeleton import Skeleton
from training.phantom.framing import Frame
from training.phantom.raster import inside

Float32 = NDArray[np.float32]

_CAST_REACH_MM = 5.0
_STRIPES_MM = 1.6


def ring_mm(skeleton: Skeleton, frame: Frame, foreign: Foreign) -> Float32 | float:
    """Return how much mineral weakens the beam as a ring does.

    Parameters
    ----------
    skeleton : Skeleton
        Whose finger wears it.
    frame : Frame
        Where that falls on pixels.
    foreign : Foreign
        Which finger, if any.

    Returns
    -------
    ndarray or float
        (rows, columns) float32, mm; 0 for no ring.
    """
    if not foreign.ring_finger:
        return 0.0
    start, end = skeleton.chains_mm[foreign.ring_finger - 1][1:3]
    along = (end - start) / np.linalg.norm(end - start)
    across = np.array([along[1], -along[0]]) * 9.5 * skeleton.scale.flesh
    middle, half = start + 0.45 * (end - start), along * foreign.ring_mm / 2
    corners = np.stack([middle - across - half, middle + across - half, middle + across + half, middle - across + half])
    mask = inside((frame.rows, frame.columns), [frame.to_pixels(corners)]).astype(np.float32)
    return wide_blur(mask, 0.3 * frame.pixels_per_mm) * np.float32(foreign.ring_density_mm)


def cast_mm(is_hand: NDArray[np.bool_], frame: Frame, foreign: Foreign) -> Float32 | float:
    """Return how much flesh weakens the beam as a cast does, which leaves the fingers free.

    Parameters
    ----------
    is_hand : ndarray
        (rows, columns) bool.
    frame : Frame
        Of the picture.
    foreign : Foreign
        How thick the cast is, if there is one.

    Returns
    -------
    ndarray or float
        (rows, columns) float32, mm; 0 for no cast.
    """
    if not foreign.cast_mm:
        return 0.0
    reach = 2 * max(1, round(_CAST_REACH_MM * frame.pixels_per_mm)) + 1
    around = cv2.dilate(is_hand.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    knuckles = frame.to_pixels(np.array([[0.0, 40.0]]))[0, 1]
    row = np.arange(frame.rows, dtype=np.float32)[:, None]
    stripes = 1 + 0.25 * np.sin((row - knuckles) / np.float32(_STRIPES_MM * frame.pixels_per_mm))
    return np.asarray(around * (row > knuckles) * stripes * foreign.cast_mm, np.float32)
