"""How much flesh the beam crosses: fingers are cylinders, the palm is a thicker cushion with muscles on it.

Before it come the outlines of `flesh`, framed; after it `exposure` adds the path to that through mineral.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.hand.blur import wide_blur
from training.hand.flesh import Flesh
from training.phantom.framing import Frame
from training.phantom.outline import Points
from training.phantom.raster import distance_to_edge_mm, inside

Float32 = NDArray[np.float32]

# Over how much of its half thickness the palm thins out towards the fingers (by eye).
_PALM_SOFTNESS = 0.85
# Where the hand begins to thicken towards the elbow, in 55 mm before the wrist: a wrist is thicker than a palm.
_FROM_PALM = 0.55
_SKIN_MM = 1.5
# Half thickness of the webs beside the fingers' (by eye).
_WEB = 0.6
# Rows of the grids of unevenness, whatever the picture's, and how much each counts.
_GRIDS = ((20, 1.0), (56, 0.8), (150, 0.6))


def flesh_path_mm(flesh: Flesh, frame: Frame) -> tuple[Float32, NDArray[np.bool_]]:
    """Measure how much flesh the beam crosses.

    Parameters
    ----------
    flesh : Flesh
        Of the hand.
    frame : Frame
        Where it falls on pixels.

    Returns
    -------
    tuple of ndarray
        (rows, columns) float32 ≥ 0, mm of the hand with its bones; and bool, what is hand.
    """
    fingers, webs, palm = (_filled(outlines, frame) for outlines in (flesh.fingers_mm, flesh.webs_mm, flesh.palm_mm))
    is_hand = (fingers | webs | palm).astype(bool)
    half = _half_thickness_mm(flesh, frame, fingers, palm)
    edge = np.minimum(distance_to_edge_mm(is_hand.astype(np.uint8), frame.pixels_per_mm), half)
    path = wide_blur(2 * np.sqrt(edge * (2 * half - edge)), 0.12 * flesh.finger_half_mm * frame.pixels_per_mm)
    for outline in flesh.muscles_mm:
        muscle = _filled((outline,), frame).astype(np.float32) * np.float32(2 * flesh.muscle_half_mm)
        path += wide_blur(muscle, 0.8 * flesh.muscle_half_mm * frame.pixels_per_mm)
    for outline in flesh.folds_mm:
        fold = _filled((outline,), frame).astype(np.float32) * np.float32(flesh.fold_mm)
        path += wide_blur(fold, max(0.5 * frame.pixels_per_mm, 0.3))
    path *= 1 + np.float32(flesh.unevenness) * _unevenness(flesh.seed, frame)
    return path * is_hand, is_hand


def _half_thickness_mm(flesh: Flesh, frame: Frame, fingers: NDArray[np.uint8], palm: NDArray[np.uint8]) -> Float32:
    """Tell how thick the hand is where no edge is near: webs least, then fingers, palm and forearm."""
    finger_half = np.float32(flesh.finger_half_mm)
    is_finger = wide_blur(fingers.astype(np.float32), _SKIN_MM * frame.pixels_per_mm)
    is_palm = wide_blur(palm.astype(np.float32), _PALM_SOFTNESS * flesh.palm_half_mm * frame.pixels_per_mm)
    thin = finger_half * (np.float32(_WEB) + np.float32(1 - _WEB) * is_finger)
    return np.asarray(
        thin + (np.float32(flesh.palm_half_mm) * _towards_elbow(flesh, frame) - thin) * is_palm, np.float32
    )


def _filled(outlines_mm: tuple[Points, ...], frame: Frame) -> NDArray[np.uint8]:
    mask = inside((frame.rows, frame.columns), [frame.to_pixels(outline) for outline in outlines_mm])
    # Skin spans the sharp corners between convex outlines: a blurred mask cut at one half has none.
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(_SKIN_MM * frame.pixels_per_mm, 0.3))
    return np.rint(blurred).astype(np.uint8)


def _towards_elbow(flesh: Flesh, frame: Frame) -> Float32:
    """Tell how much thicker the hand grows towards the elbow: 1 at the fingers."""
    wrist, elbow = frame.to_pixels(np.stack([flesh.wrist_mm, flesh.wrist_mm + flesh.forearm]))
    towards = ((elbow - wrist) / (55 * frame.pixels_per_mm**2)).astype(np.float32)
    column, row = np.arange(frame.columns, dtype=np.float32), np.arange(frame.rows, dtype=np.float32)
    share = (row - np.float32(wrist[1]))[:, None] * towards[1] + (column - np.float32(wrist[0]))[None] * towards[0]
    return np.asarray(1 + np.float32(flesh.forearm_more) * np.clip(share + np.float32(_FROM_PALM), 0, 1.7), np.float32)


def _unevenness(seed: int, frame: Frame) -> Float32:
    """Draw how the thickness of fat and muscle varies over a picture: the same at any size."""
    rng = np.random.default_rng(seed)
    field = np.zeros((frame.rows, frame.columns), np.float32)
    for rows, weight in _GRIDS:
        grid = rng.standard_normal((rows, round(0.8 * rows)), dtype=np.float32) * np.float32(weight)
        field += np.asarray(cv2.resize(grid, (frame.columns, frame.rows), interpolation=cv2.INTER_CUBIC))
    return field
