"""Read one stored object: from whatever a sender made to the standard radiograph.

Before: the listener stored the object; ``worker.tasks`` runs this in a process that may be ended for time or memory.
After: ``worker.radiograph`` keeps the result, from which ``worker.preprocess``, training and the pictures start.
"""

import warnings
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.area import Grey, Words, area_means, look_up
from worker.attributes import rejecting
from worker.grayscale import grey_table
from worker.image_pixel import check_image_pixel
from worker.limits import Limits
from worker.pixels import decode
from worker.stored_object import open_stored_object

LONG_SIDE_PIXELS: Final = 1024

_DEFAULT_LIMITS: Final = Limits()


def read(path: Path, limits: Limits = _DEFAULT_LIMITS) -> npt.NDArray[np.uint16]:
    """Read a stored DICOM object as the standard radiograph.

    Parameters
    ----------
    path
        The stored object: a DICOM file, trusted in nothing.
    limits
        How large the object and its image may be.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint16 in [0, 65535], display-referred, bone bright, padding black; the long side at most 1,024
        px, the aspect ratio kept, never enlarged.

    Raises
    ------
    RejectedRadiographError
        When the object cannot be read as a radiograph; the message says why, and what to do.
    TransientError
        When the file cannot be read from disk.

    Notes
    -----
    Celery's soft time limit and a lack of memory pass through unchanged.
    """
    with warnings.catch_warnings(), rejecting("The object cannot be read. It is damaged: send the original again."):
        warnings.simplefilter("ignore")  # pydicom's about each odd value; what matters here is checked and rejected
        dataset = open_stored_object(path, limits)
        image_pixel = check_image_pixel(dataset, limits)
        pixels = decode(dataset, image_pixel)
        table = grey_table(dataset, image_pixel.photometric_interpretation, pixels)
        return shrink(pixels.words, table)


def shrink(words: Words, table: Grey | None = None) -> Grey:
    """Shrink an image so that its long side has at most 1,024 px; a smaller one keeps its size.

    Parameters
    ----------
    words
        (rows, columns) uint8 or uint16. Not changed.
    table
        (words,) uint16: the grey value for every word that may be among them; None where the words, uint16, are grey
        values.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint16: each pixel the mean of the grey values of the area it covers.
    """
    factor = LONG_SIDE_PIXELS / max(words.shape)
    if factor >= 1:
        return words.astype(np.uint16, copy=False) if table is None else look_up(words, table)
    rows, columns = (max(1, round(side * factor)) for side in words.shape)
    return area_means(words, table, rows, columns)
