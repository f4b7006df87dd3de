"""Pictures of radiographs in PNG, grey, bone bright, as standard radiographs.

Before it: `training.sources.rsna` found the file. After it: `training.cache`. The demonstration reads its pictures by
this, too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.cases import DataError
from worker.limits import Limits
from worker.read import LONG_SIDE_PIXELS, shrink

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_FROM_8_TO_16_BITS = 257  # 255 becomes 65,535
_DEPTHS = (np.uint8, np.uint16)


@dataclass(frozen=True)
class PngFile:
    """A PNG as it was when it was found; the cache knows it by path, size and time of change."""

    path: Path
    size_bytes: int
    modified_ns: int

    @classmethod
    def at(cls, path: Path) -> "PngFile":
        """Return the file at a path."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)

    def standard_radiograph(self, rows: int = LONG_SIDE_PIXELS) -> npt.NDArray[np.uint16]:
        """Read it; what `worker.read` refuses is refused here, too."""
        pixels = grey_pixels(self.path)
        if min(pixels.shape) < Limits().minimum_side_pixels:
            raise DataError(f"{pixels.shape[1]} × {pixels.shape[0]} px are too few for a radiograph")
        if pixels.min() == pixels.max():
            raise DataError("all pixels have the same value, which is no radiograph")
        if pixels.dtype == np.uint8:
            return shrink(pixels.astype(np.uint16) * np.uint16(_FROM_8_TO_16_BITS))
        return shrink(pixels.astype(np.uint16, copy=False))


def grey_pixels(path: Path) -> Pixels:
    """Read a picture's grey values; one saved in colour counts if it has no colour in it and is opaque.

    Parameters
    ----------
    path
        Of a PNG.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint8 or uint16.

    Raises
    ------
    DataError
        If it cannot be read, or is no grey picture of 8 or 16 bit.
    """
    try:
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # more pixels than OpenCV reads
        picture = None
    if picture is None:
        raise DataError("cannot be read as PNG: it is damaged, cut off or something else")
    grey = _grey(picture) if picture.dtype in _DEPTHS else None
    if grey is None:
        raise DataError("expected a grey picture of 8 or 16 bit")
    return grey


def _grey(picture: npt.NDArray[Any]) -> Pixels | None:
    """Return the one channel of a grey picture, even if saved as an opaque coloured one; None: it has colours."""
    if picture.ndim == 2:  # noqa: PLR2004  rows and columns
        return picture
    grey, others, alpha = picture[:, :, 0], picture[:, :, 1:3], picture[:, :, 3:]
    is_grey = (others == grey[:, :, None]).all() and (alpha == np.iinfo(picture.dtype).max).all()
    return np.ascontiguousarray(grey) if is_grey else None
