"""From detector values to grey levels, as the vendors' consoles do: detail by size, windowing, display curve.

Before it comes `exposure`; after it `surroundings` finishes the picture.

References
----------
Vuylsteke and Schoeters, Multiscale image contrast amplification, Proc SPIE 1994;2167:551-560: detail of each size is
weighed by itself, and slow changes less.
"""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from training.hand.blur import wide_blur
from training.hand.look import Processing

Float32 = NDArray[np.float32]

_DETAIL_MM = (0.7, 2.5, 9.0)
_DENSEST_PERCENTILE = 99.5


def display(detected: Float32, is_hand: NDArray[np.bool_], pixels_per_mm: float, processing: Processing) -> Float32:
    """Turn detector values into grey levels, bone bright.

    Parameters
    ----------
    detected : ndarray
        (rows, columns) float32 values that grow with what the beam crossed.
    is_hand : ndarray
        (rows, columns) bool: what the window is chosen for.
    pixels_per_mm : float
        Scale of the picture.
    processing : Processing
        Gains, window and curve.

    Returns
    -------
    ndarray
        (rows, columns) float32 in [0, 1].
    """
    levels = [detected, *(wide_blur(detected, max(reach * pixels_per_mm, 0.6)) for reach in _DETAIL_MM)]
    slow = levels[-1]
    mean = np.float32(slow[is_hand].mean() if is_hand.any() else slow.mean())
    # Slow changes are flattened within the hand only: air stays air.
    share = np.clip(slow / max(float(mean), 1e-6), 0, 1)
    picture = slow + np.float32(processing.flattening) * share * (mean - slow)
    for gain, (finer, coarser) in zip(processing.gains, pairwise(levels), strict=True):
        picture = picture + np.float32(gain) * (finer - coarser)
    densest = float(np.percentile(picture[is_hand][::5], _DENSEST_PERCENTILE)) if is_hand.any() else 1.0
    air = float(np.percentile(picture[::4, ::4], 1))
    span = max(densest - air, 1e-3)
    black, white = air + processing.black * span, air + processing.white * span
    grey = np.clip((picture - np.float32(black)) / np.float32(white - black), 0, 1) ** np.float32(processing.gamma)
    curved = grey * grey * (3 - 2 * grey)
    grey += np.float32(processing.contrast) * (curved - grey)
    sigma = processing.softness * grey.shape[0]
    if sigma > 0.2:  # noqa: PLR2004  a narrower kernel is one pixel wide
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.float32)
    return np.asarray(processing.darkest + (processing.brightest - processing.darkest) * grey, np.float32)
