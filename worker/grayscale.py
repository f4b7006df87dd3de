"""From stored value to what a reader sees: modality LUT, VOI LUT or window, inversion, all in one table.

Before: ``worker.pixels`` decoded words. After: ``worker.area`` looks each of them up in the table while it shrinks.

An image has at most 65,536 different words, so each transform is computed for those and never for ten million pixels:
exact in float64, and one look-up for the whole of it.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from db.errors import RejectedRadiographError
from worker.attributes import UNKNOWN_TERM, code, number, numbers
from worker.lookup_table import LookUpTable
from worker.pixels import Pixels

Values = npt.NDArray[np.float64]

WHITE: Final = 65535
# Share of the pixels that may lie beyond either end where nothing says how to show an image. A lead letter of 60 mm² is
# 0.08 % of an 18 cm × 24 cm image, dead pixels are fewer; on the 29 real radiographs at hand, 8 bit and made for
# display, 0.1 % leaves the ends where they are (median 1 and 253 of 255), where 1 % would cut at 10 and 240.
_TAIL: Final = 0.001


def grey_table(dataset: Dataset, photometric_interpretation: str, pixels: Pixels) -> npt.NDArray[np.uint16]:
    """Return the grey value to show for every word.

    Parameters
    ----------
    dataset
        The data set; not changed.
    photometric_interpretation
        MONOCHROME1 or MONOCHROME2.
    pixels
        The image. How often it has each word is counted only where that decides something.

    Returns
    -------
    numpy.ndarray
        (words,) uint16, display-referred, bone bright; padding is black.

    Raises
    ------
    RejectedRadiographError
        When a transform is malformed, or every pixel would look the same.

    References
    ----------
    DICOM PS3.3 C.11.1 (modality LUT), C.11.2 (VOI LUT), C.7.6.3.1.2 (MONOCHROME1), C.11.6.1.2 (presentation LUT shape).
    """
    is_padding = padding(dataset, pixels.values)
    modality = modality_values(dataset, pixels.values.astype(np.float64))
    grey = voi_values(dataset, modality)
    if grey is None:
        grey = stretched(modality, np.where(is_padding, 0, pixels.counts()))
    if is_inverted(dataset, photometric_interpretation):
        grey = 1 - grey
    table = np.rint(grey * WHITE).astype(np.uint16)
    if not _is_picture(table, is_padding, pixels):
        raise RejectedRadiographError(
            "Every pixel has the same grey value; expected a radiograph. The detector was not exposed, or the window "
            "(0028,1050 WindowCenter, 0028,1051 WindowWidth) lies beside the picture: check it and send it again."
        )
    table[is_padding] = 0
    return table


def _is_picture(table: npt.NDArray[np.uint16], is_padding: npt.NDArray[np.bool_], pixels: Pixels) -> bool:
    """Return whether not all pixels look the same: some of them nearly always show it, else all are asked."""

    def look_different(words: npt.NDArray[np.integer]) -> bool:
        visible = table[words[~is_padding[words]]]
        return bool(visible.size and visible.min() < visible.max())

    return look_different(pixels.some()) or look_different(pixels.counts().nonzero()[0])


def padding(dataset: Dataset, stored: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which stored values fill the area where there is no picture.

    Parameters
    ----------
    dataset
        May hold Pixel Padding Value (0028,0120) and Pixel Padding Range Limit (0028,0121).
    stored
        (words,) stored values.

    References
    ----------
    DICOM PS3.3 C.7.5.1.1.2: both ends of the range belong to it, in either order.
    """
    ends = [number(dataset, keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None:
        return np.zeros(stored.shape, np.bool_)
    # US or SS: an explicit VR may contradict the pixel representation, so that -2000 arrives as 63536.
    signed = stored.min() < 0
    first, last = (_as_word(end if end is not None else ends[0], is_signed=signed) for end in ends)
    return (stored >= min(first, last)) & (stored <= max(first, last))


def modality_values(dataset: Dataset, stored: Values) -> Values:
    """Apply the modality LUT, or rescale slope and intercept.

    Parameters
    ----------
    dataset
        May hold a Modality LUT Sequence (0028,3000), else Rescale Slope (0028,1053) and Intercept (0028,1052).
    stored
        (words,) stored values.
    """
    if table := LookUpTable.first_of(dataset, "ModalityLUTSequence"):
        return table.apply(stored)
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    return stored * (1 if slope is None else slope) + (intercept or 0)


def voi_values(dataset: Dataset, modality: Values) -> Values | None:
    """Apply the first VOI LUT, else the first window.

    Parameters
    ----------
    dataset
        May hold a VOI LUT Sequence (0028,3010), else Window Center (0028,1050) and Width (0028,1051).
    modality
        (words,) output of the modality LUT.

    Returns
    -------
    numpy.ndarray or None
        (words,) float64 in [0, 1]; None where the data set has neither, or a window of no width, which viewers ignore.
    """
    if table := LookUpTable.first_of(dataset, "VOILUTSequence"):
        return table.apply(modality) / table.white
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    function = code(dataset, "VOILUTFunction") or "LINEAR"
    if not centers or not widths or widths[0] < (1 if function == "LINEAR" else np.finfo(np.float32).tiny):
        return None
    return windowed(modality, centers[0], widths[0], function)


def windowed(modality: Values, center: float, width: float, function: str) -> Values:
    """Apply a window.

    Parameters
    ----------
    modality
        (words,) output of the modality LUT.
    center, width
        In its units; the width at least 1 for LINEAR, else more than 0.
    function
        LINEAR, LINEAR_EXACT or SIGMOID.

    Returns
    -------
    numpy.ndarray
        (words,) float64 in [0, 1].

    Raises
    ------
    RejectedRadiographError
        When the function is another.

    References
    ----------
    DICOM PS3.3 C.11.2.1.2.1 (linear: centre and width count discrete values), C.11.2.1.3.1 (sigmoid),
    C.11.2.1.3.2 (linear exact).
    """
    match function:
        case "LINEAR":
            if width == 1:
                return (modality > center - 0.5).astype(np.float64)
            return np.clip((modality - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
        case "LINEAR_EXACT":
            return np.clip((modality - center) / width + 0.5, 0, 1)
        case "SIGMOID":
            # The logistic function by its tanh, which cannot overflow: 1 / (1 + exp(-4 t)) = (1 + tanh(2 t)) / 2.
            return (1 + np.tanh(2 * (modality - center) / width)) / 2
        case _:
            raise RejectedRadiographError(
                f"VOI LUT Function (0028,1056 VOILUTFunction) is {UNKNOWN_TERM}; expected LINEAR, LINEAR_EXACT or "
                "SIGMOID. Send the radiograph with one of these."
            )


def stretched(modality: Values, counts: npt.NDArray[np.int64]) -> Values:
    """Stretch the values in use over the whole range, losing at most a thousandth of the pixels at either end.

    Pixels of the darkest and of the brightest value do not count: there lie painted backgrounds, collimators and
    saturation, half of all pixels in the real radiographs at hand, and next to none where there is no such area. So a
    hand looks the same with and without them, at any bit depth, and inverted before or after.

    Parameters
    ----------
    modality
        (words,) output of the modality LUT.
    counts
        (words,) how many pixels have each; 0 for padding.

    Returns
    -------
    numpy.ndarray
        (words,) float64 in [0, 1].
    """
    used = counts > 0
    if not used.any():
        return np.zeros_like(modality)
    values, where = np.unique(modality[used], return_inverse=True)
    pixels = np.bincount(where, weights=counts[used])
    pixels[[0, -1]] = 0
    low, high = values[0], values[-1]
    if tail := _TAIL * pixels.sum():
        low = values[pixels.cumsum() <= tail][-1]
        high = values[pixels[::-1].cumsum()[::-1] <= tail][0]
    return np.asarray(np.clip((modality - low) / ((high - low) or 1), 0, 1))


def is_inverted(dataset: Dataset, photometric_interpretation: str) -> bool:
    """Return whether low values are bright: decided once, however many attributes say so.

    A presentation LUT shape INVERSE belongs to MONOCHROME1 and means the same inversion, not a second. MONOCHROME1 with
    the shape IDENTITY breaks the standard; there the older attribute is believed, for known senders write a wrong shape
    (dcm4chee-arc-light#3155).

    Parameters
    ----------
    dataset
        May hold Presentation LUT Shape (2050,0020).
    photometric_interpretation
        MONOCHROME1 or MONOCHROME2.
    """
    return photometric_interpretation == "MONOCHROME1" or code(dataset, "PresentationLUTShape") == "INVERSE"


def _as_word(value: float, *, is_signed: bool) -> float:
    word = float(value % 2**16)
    return word - 2**16 if is_signed and word >= 2**15 else word
