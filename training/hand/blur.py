"""Wide blurs at little cost.

Before it come `exposure`, for scatter, and `console`, for detail of several sizes; nothing after it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray


def wide_blur(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur on a picture reduced until the kernel is small: a wide Gaussian needs no fine grid.

    Parameters
    ----------
    image : ndarray
        (rows, columns) float32. Not changed.
    sigma : float
        Standard deviation in pixels.

    Returns
    -------
    ndarray
        (rows, columns) float32.
    """
    factor = max(1, int(sigma / 2))
    rows, columns = image.shape
    small = cv2.resize(image, (max(columns // factor, 1), max(rows // factor, 1)), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), max(sigma / factor, 0.3))
    return np.asarray(cv2.resize(smooth, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
