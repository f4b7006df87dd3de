"""What is around the hand: painted black, or the detector with its tilt, collimation and a lead letter.

Before it comes `console`; the result is the radiograph.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.hand.flesh import Flesh
from training.hand.look import Surroundings
from training.phantom.framing import Frame

Float32 = NDArray[np.float32]

_RIM = 0.008  # breadth of a bright rim around the field, in heights of the picture
_UNEVEN_GRID = 96  # rows of the unevenness, whatever the picture's


def finish(
    image: Float32, is_hand: NDArray[np.bool_], flesh: Flesh, frame: Frame, surroundings: Surroundings
) -> Float32:
    """Finish a radiograph around the hand.

    Parameters
    ----------
    image : ndarray
        (rows, columns) float32 in [0, 1]; not changed.
    is_hand : ndarray
        (rows, columns) bool.
    flesh : Flesh
        Where the wrist is.
    frame : Frame
        Where that falls on pixels.
    surroundings : Surroundings
        What is to be around the hand.

    Returns
    -------
    ndarray
        (rows, columns) float32 in [0, 1].
    """
    image = _patched(image, surroundings)
    if surroundings.is_painted_black:
        return image * _kept(is_hand, flesh, frame, surroundings)
    rows, columns = image.shape
    across = np.linspace(-1, 1, columns, dtype=np.float32) * np.float32(surroundings.tilt[0])
    along = np.linspace(-1, 1, rows, dtype=np.float32) * np.float32(surroundings.tilt[1])
    finished = image + across[None] + along[:, None]
    _put_marker(finished, is_hand, surroundings)
    _collimate(finished, surroundings)
    return np.asarray(np.clip(finished, 0, 1), np.float32)


def _patched(image: Float32, surroundings: Surroundings) -> Float32:
    """Darken what lies beyond the line where two exposures were joined."""
    gain, slope, crossing = surroundings.patch
    if gain == 1:
        return image
    rows, columns = image.shape
    x = (np.arange(columns, dtype=np.float32) / rows - np.float32(columns / rows / 2))[None]
    y = (np.arange(rows, dtype=np.float32) / rows - np.float32(crossing))[:, None]
    return np.where(y > slope * x, image, image * np.float32(gain)).astype(np.float32)


def _kept(is_hand: NDArray[np.bool_], flesh: Flesh, frame: Frame, surroundings: Surroundings) -> Float32:
    """Return 1 where the hand is kept and 0 where somebody painted black, by a coarse brush."""
    rows, columns = is_hand.shape
    rng = np.random.default_rng(surroundings.seed)
    coarse = rng.standard_normal((_UNEVEN_GRID, _UNEVEN_GRID), dtype=np.float32)
    uneven = np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)
    outside = cv2.distanceTransform((~is_hand).astype(np.uint8), cv2.DIST_L2, 3)
    inside = cv2.distanceTransform(is_hand.astype(np.uint8), cv2.DIST_L2, 3)
    beyond_skin = (outside - inside) / np.float32(frame.pixels_per_mm)
    kept = beyond_skin < surroundings.margin_mm + surroundings.raggedness_mm * uneven
    wrist, elbow = frame.to_pixels(np.stack([flesh.wrist_mm, flesh.wrist_mm + flesh.forearm]))
    towards = ((elbow - wrist) / frame.pixels_per_mm**2).astype(np.float32)
    column, row = np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
    beyond_wrist = (row - wrist[1])[:, None] * towards[1] + (column - wrist[0])[None] * towards[0]
    kept &= beyond_wrist < surroundings.cut_mm + surroundings.cut_raggedness_mm * uneven[rows // 2]
    kept[: round((surroundings.tip_cut) * rows)] = False
    return kept.astype(np.float32)


def _put_marker(image: Float32, is_hand: NDArray[np.bool_], surroundings: Surroundings) -> None:
    """Write the lead letter where it does not cover the hand."""
    rows, columns = image.shape
    scale = surroundings.marker_size * rows / 21  # OpenCV's simplex letters are 21 pixels tall at scale 1
    place = (round(surroundings.marker_place[0] * columns), round(surroundings.marker_place[1] * rows))
    letters = np.zeros((rows, columns), np.uint8)
    thick = max(1, round(2.5 * scale))
    cv2.putText(letters, surroundings.marker, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
    letters[is_hand] = 0
    np.maximum(image, letters.astype(np.float32) * np.float32(0.95 / 255), out=image)


def _collimate(image: Float32, surroundings: Surroundings) -> None:
    """Darken or brighten what lies outside the field, which may be turned and have a bright rim."""
    if not any(surroundings.collimation):
        return
    rows, columns = image.shape
    top, right, bottom, left = surroundings.collimation
    cosine, sine = np.float32(np.cos(surroundings.turn)), np.float32(np.sin(surroundings.turn))
    # From the middle, in heights of the picture.
    x = ((np.arange(columns, dtype=np.float32) - columns / 2) / rows)[None]
    y = (np.arange(rows, dtype=np.float32) / rows - np.float32(0.5))[:, None]
    across, along = x * cosine + y * sine, y * cosine - x * sine
    half = columns / rows / 2
    beyond = np.maximum(across - np.float32(half - right), np.float32(left - half) - across)
    beyond = np.maximum(beyond, np.maximum(along - np.float32(0.5 - bottom), np.float32(top - 0.5) - along))
    if surroundings.rim > 0:
        image += np.float32(surroundings.rim) * np.exp(-((beyond / np.float32(_RIM)) ** 2))
    image[beyond > 0] = np.float32(surroundings.outside)
