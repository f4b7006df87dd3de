"""One decoder for each coding, behind one function: from compressed or plain bytes to words.

Before: ``worker.pixels`` checked that header and codestream agree. After: it says what value each word stands for.

The same object must give the same pixels wherever it is read, and a damaged one is not tried three times: so each
coding has one decoder, not the first that pydicom finds. Baseline is OpenCV's, for GDCM ended the process on damaged
streams (an uncaught exception of its own in C++).
"""

import logging
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from worker.attributes import INTERRUPTIONS
from worker.codestream import Codestream, Coding
from worker.image_pixel import ImagePixel
from worker.jpeg12 import PRECISION_BITS, decode_twelve_bits

_PLUGINS: Final = {Coding.JPEG_LOSSLESS: "gdcm", Coding.JPEG_LS: "pyjpegls", Coding.JPEG_2000: "pylibjpeg"}


def decode_words(
    frame: bytes, pixel_vr: str, syntax: UID, image_pixel: ImagePixel, codestream: Codestream | None
) -> npt.NDArray[np.uint8 | np.uint16]:
    """Decode the words of one frame.

    Parameters
    ----------
    frame
        The frame's words, or the compressed image where the syntax encapsulates.
    pixel_vr
        OB or OW, which matters for big-endian bytes.
    syntax
        The transfer syntax UID.
    image_pixel
        The Image Pixel module, checked.
    codestream
        What the compressed image says about itself; None for RLE and uncompressed.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint8 or uint16, unused bits as they came.

    Raises
    ------
    Exception
        Of whatever type the decoder raises.
    """
    words: npt.NDArray[Any] | None
    if codestream and codestream.coding is Coding.JPEG_EXTENDED and codestream.precision == PRECISION_BITS:
        words = decode_twelve_bits(frame)
    elif codestream and codestream.coding not in _PLUGINS:
        words = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_UNCHANGED)
        if words is None:
            raise ValueError("no JPEG that OpenCV can decode")
    else:
        words = _decode_by_pydicom(frame, pixel_vr, syntax, image_pixel, codestream)
    return np.ascontiguousarray(words, f"u{image_pixel.bits_allocated // 8}")


def _decode_by_pydicom(
    frame: bytes, pixel_vr: str, syntax: UID, image_pixel: ImagePixel, codestream: Codestream | None
) -> npt.NDArray[Any]:
    plugin, bits_stored = "pydicom" if syntax.is_encapsulated else "", image_pixel.bits_stored
    # In one fragment, so that the decoder gets what was looked at, however the sender's items and offsets are read.
    pixel_data = encapsulate([frame], has_bot=False) if syntax.is_encapsulated else frame
    if codestream:
        plugin, bits_stored = _PLUGINS[codestream.coding], codestream.precision
    options: dict[str, Any] = {
        "rows": image_pixel.rows,
        "columns": image_pixel.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": image_pixel.photometric_interpretation,
        "bits_allocated": image_pixel.bits_allocated,
        "bits_stored": bits_stored,
        "pixel_keyword": "PixelData",
        "pixel_vr": pixel_vr,
        "view_only": True,
        # Words unsigned and untouched, for the table of values takes care of sign and unused bits.
        "pixel_representation": 0,
        "correct_unused_bits": False,
        "apply_jls_sign_correction": False,
        "apply_j2k_sign_correction": False,
    }
    return get_decoder(syntax).as_array(pixel_data, index=0, raw=True, decoding_plugin=plugin, **options)[0]


def _let_interruptions_through(record: logging.LogRecord) -> bool:
    """Raise what pydicom would drop, and log nothing: its loop over decoders catches every Exception and logs it."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, INTERRUPTIONS):
        raise error
    return False


logging.getLogger("pydicom.pixels.decoders.base").addFilter(_let_interruptions_through)
