"""Outlines on pixels: what is inside, and how far from the edge.

Before it comes `framing`, which puts outlines on pixels; after it `thickness` turns distances into paths of the beam.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phantom.outline import Points

_SUBPIXEL_BITS = 4  # of OpenCV's fixed-point corners


def inside(shape: tuple[int, int], outlines_pixels: list[Points]) -> NDArray[np.uint8]:
    """Rasterise the union of closed outlines.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    outlines_pixels : list of Points
        (n, 2) column and row each.

    Returns
    -------
    ndarray
        (rows, columns) uint8: 1 inside any outline, else 0.
    """
    mask = np.zeros(shape, np.uint8)
    for outline in outlines_pixels:
        corners = np.round(_drawn_in(outline, 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1, cv2.LINE_8, _SUBPIXEL_BITS)
    return mask


def distance_to_edge_mm(mask: NDArray[np.uint8], pixels_per_mm: float) -> NDArray[np.float32]:
    """Measure how far inside a mask each pixel lies.

    Parameters
    ----------
    mask : ndarray
        (rows, columns) uint8, 1 inside.
    pixels_per_mm : float
        Scale of the mask.

    Returns
    -------
    ndarray
        (rows, columns) float32, mm; 0 outside.
    """
    pixels = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    # OpenCV measures to the middle of the nearest pixel outside; the edge is half a pixel nearer.
    return np.asarray(np.maximum(pixels - np.float32(0.5), 0) / np.float32(pixels_per_mm), np.float32)


def _drawn_in(outline: Points, pixels: float) -> Points:
    """Draw an outline in: `fillPoly` also fills every pixel that the outline touches, half a pixel all around."""
    closed = np.concatenate([outline[-1:], outline, outline[:1]])
    along = closed[2:] - closed[:-2]
    inward = np.stack([-along[:, 1], along[:, 0]], axis=1)
    inward /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    is_clockwise = np.sum(outline[:, 0] * closed[2:, 1] - closed[2:, 0] * outline[:, 1]) < 0
    return np.asarray(outline + inward * (-pixels if is_clockwise else pixels), np.float64)
