"""What is around the hand: painted black, or the detector with its tilt, collimation and a lead letter.

Before it comes `radiography`; the result is the radiograph.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phantom.appearance import Appearance


def paint_background(
    image: NDArray[np.float32], is_hand: NDArray[np.bool_], pixels_per_mm: float, appearance: Appearance
) -> NDArray[np.float32]:
    """Finish a radiograph around the hand.

    Parameters
    ----------
    image : ndarray
        (rows, columns) float32 in [0, 1]; not changed.
    is_hand : ndarray
        (rows, columns) bool.
    pixels_per_mm : float
        Scale of the picture.
    appearance : Appearance
        What is to be around the hand.

    Returns
    -------
    ndarray
        (rows, columns) float32 in [0, 1].
    """
    if appearance.is_background_removed:
        return _without_background(image, is_hand, pixels_per_mm)
    rows, columns = image.shape
    across = np.linspace(-1, 1, columns, dtype=np.float32) * np.float32(appearance.tilt[0])
    along = np.linspace(-1, 1, rows, dtype=np.float32) * np.float32(appearance.tilt[1])
    finished = image + across[None] + along[:, None]
    _put_marker(finished, is_hand, appearance)
    _collimate(finished, appearance)
    return np.asarray(np.clip(finished, 0, 1), np.float32)


def _without_background(
    image: NDArray[np.float32], is_hand: NDArray[np.bool_], pixels_per_mm: float
) -> NDArray[np.float32]:
    margin = 2 * round(0.8 * pixels_per_mm) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin))
    kept = cv2.dilate(is_hand.astype(np.uint8), kernel)
    return image * kept


def _put_marker(image: NDArray[np.float32], is_hand: NDArray[np.bool_], appearance: Appearance) -> None:
    """Write the lead letter where it does not cover the hand."""
    rows, columns = image.shape
    scale = appearance.marker_size * rows / 21  # OpenCV's simplex letters are 21 pixels tall at scale 1
    place = (round(appearance.marker_place[0] * columns), round(appearance.marker_place[1] * rows))
    letters = np.zeros((rows, columns), np.uint8)
    thick = max(1, round(2.5 * scale))
    cv2.putText(letters, appearance.marker, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
    letters[is_hand] = 0
    np.maximum(image, letters.astype(np.float32) * np.float32(0.95 / 255), out=image)


def _collimate(image: NDArray[np.float32], appearance: Appearance) -> None:
    rows, columns = image.shape
    top, right, bottom, left = appearance.collimation
    outside = np.float32(appearance.outside)
    image[: round(top * rows)] = outside
    image[rows - round(bottom * rows) :] = outside
    image[:, : round(left * columns)] = outside
    image[:, columns - round(right * columns) :] = outside
