"""Shrink an image by the means of areas, its grey values looked up on the way.

Before: ``worker.grayscale`` made the table from word to grey value. After: ``worker.read`` returns the picture.

At full size there is only what was decoded. A second image of that size cost more than all that is done here: memory
that a process has given back, as it does with ten or twenty megabytes, has to be found and cleared page by page. So a
band of rows at a time is looked up and made narrower, and what remains of all bands is made lower.
"""

from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint16]
Words = npt.NDArray[np.uint8 | np.uint16]

# OpenCV averages four channels in half the time that it takes for four rows, or columns, of one: the most it takes.
_CHANNELS: Final = 4
_BAND_ROWS: Final = 128  # of 2,000 columns, 512 kB: a band stays in the processor's cache


def look_up(words: Words, table: Grey) -> Grey:
    """Return the grey value of each word.

    Parameters
    ----------
    words
        (rows, columns) uint8 or uint16. Not changed.
    table
        (words,) uint16: the grey value for every word that may be among them.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint16.
    """
    return np.asarray(cv2.LUT(words, _whole(table, words.dtype)), np.uint16)


def area_means(words: Words, table: Grey | None, rows: int, columns: int) -> Grey:
    """Return an image with fewer rows and columns, each pixel the mean of the grey values of the area it covers.

    Parameters
    ----------
    words
        (rows, columns) uint8 or uint16. Not changed.
    table
        As for :func:`look_up`; None where the words, uint16, are grey values.
    rows, columns
        Of what is returned, at most the image's.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint16: rounded once the columns are fewer and once the rows are, so it may be by 1 of 65,535
        another than the mean of the area rounded once.
    """
    greys = None if table is None else _whole(table, words.dtype)
    narrow = np.empty((len(words), columns), np.uint16)
    for start, end in pairwise([*range(0, len(words), _BAND_ROWS), len(words)]):
        band = words[start:end] if greys is None else cv2.LUT(words[start:end], greys)
        _make_narrower(np.asarray(band, np.uint16), narrow[start:end])
    return _lower(narrow, rows)


def _whole(table: Grey, dtype: np.dtype[np.uint8 | np.uint16]) -> Grey:
    """Return a table for every word that there is, as OpenCV wants it."""
    greys = np.zeros(np.iinfo(dtype).max + 1, np.uint16)
    greys[: table.size] = table
    return greys


def _make_narrower(band: Grey, narrow: Grey) -> None:
    """Fill a band of fewer columns, four rows at once as channels of one."""
    columns, whole = narrow.shape[1], len(band) // _CHANNELS * _CHANNELS
    if whole:
        channels = cv2.merge([band[row:whole:_CHANNELS] for row in range(_CHANNELS)])
        narrow_channels = cv2.resize(channels, (columns, whole // _CHANNELS), interpolation=cv2.INTER_AREA)
        cv2.split(narrow_channels, [narrow[row:whole:_CHANNELS] for row in range(_CHANNELS)])
    if rest := len(band) - whole:
        cv2.resize(band[whole:], (columns, rest), narrow[whole:], interpolation=cv2.INTER_AREA)


def _lower(narrow: Grey, rows: int) -> Grey:
    """Return a picture of fewer rows, four columns at once as channels of one."""
    lower = np.empty((rows, narrow.shape[1]), np.uint16)
    whole = narrow.shape[1] // _CHANNELS * _CHANNELS
    if whole:
        channels, lower_channels = (part[:, :whole].reshape(len(part), -1, _CHANNELS) for part in (narrow, lower))
        size = (whole // _CHANNELS, rows)
        cv2.resize(channels, size, lower_channels, interpolation=cv2.INTER_AREA)
    if rest := narrow.shape[1] - whole:
        cv2.resize(narrow[:, whole:], (rest, rows), lower[:, whole:], interpolation=cv2.INTER_AREA)
    return lower
