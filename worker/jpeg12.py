"""12-bit JPEG Extended: decoded by pylibjpeg-libjpeg, an optional extra, from a codestream that holds nothing strange.

Before: ``worker.pixels`` saw that the codestream's own header agrees with the object's. After: its words are used as
any other coding's.

pylibjpeg-libjpeg is GPL-3, and so for whoever installs Carpus to choose. It knows more than DICOM allows (scans that
refine others, boxes in APP segments, sizes that come later), and a height of 0 let it run for ever. So it gets no more
of a codestream than one frame in one scan needs.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from db.errors import RejectedRadiographError
from worker.attributes import named
from worker.codestream import FILL, SOI, Coding, segments

PRECISION_BITS: Final = 12
EXTRA: Final = "carpus[jpeg12]"

_DHT: Final = 0xC4  # ISO/IEC 10918-1 table B.1, as all that follow: Huffman tables
_DQT: Final = 0xDB  # quantisation tables
_DRI: Final = 0xDD  # restart interval
_SOS: Final = 0xDA  # start of scan
_LEFT_OUT: Final = frozenset({0xFE, *range(0xE0, 0xF0)})  # comments and applications' own segments
# One component: its count, its selector with its tables, then the spectral selection and the approximation.
_SCAN_HEADER_BYTES: Final = 6
_WHOLE_SPECTRUM: Final = bytes([0, 63, 0])
_ENTROPY_CODED: Final = frozenset({0x00, *range(0xD0, 0xD8)})  # a stuffed FF, restart markers
_EOI: Final = b"\xff\xd9"


def decode_twelve_bits(codestream: bytes) -> npt.NDArray[Any]:
    """Decode a 12-bit JPEG Extended codestream of one component.

    Parameters
    ----------
    codestream
        From SOI to EOI; padding may follow.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint16 in [0, 4095].

    Raises
    ------
    RejectedRadiographError
        When the extra is not installed.
    ValueError, RuntimeError
        When the codestream is not one frame in one scan, or damaged.
    """
    try:
        import libjpeg.utils
    except ImportError as error:
        raise RejectedRadiographError(
            f"{named('PixelData')} is 12-bit JPEG Extended, which needs an extra that is not installed here. Let the "
            "sender use an uncompressed syntax, JPEG lossless, JPEG-LS or JPEG 2000; or install it on the read worker "
            f"by `pip install {EXTRA}` and send the radiograph again."
        ) from error
    return np.asarray(libjpeg.utils.decode(one_scan(codestream)))


def one_scan(codestream: bytes) -> bytes:
    """Return the same picture's codestream with its tables, one frame header and one scan over the whole spectrum.

    Real senders, NEMA's samples among them, write a spectral selection of 0 to 0 into the scan's header, which a
    sequential scan must not have and DCMTK overlooks (pylibjpeg#73).

    Parameters
    ----------
    codestream
        From SOI to EOI; not changed.

    Raises
    ------
    ValueError
        When there is anything else in it.

    References
    ----------
    ISO/IEC 10918-1 B.2.3 (scan header: Ss 0, Se 63, Ah and Al 0 for sequential coding), table B.1 (markers).
    """
    kept = bytearray(SOI)
    has_frame = False
    for marker, start, end in segments(codestream):
        if marker in _LEFT_OUT:
            continue
        if marker == _SOS:
            header = codestream[start + 4 : end]
            if not has_frame or len(header) != _SCAN_HEADER_BYTES or header[0] != 1:
                raise ValueError("no scan of one component after its frame header")
            return bytes(kept + codestream[start : start + 7] + _WHOLE_SPECTRUM + _entropy_coded(codestream[end:]))
        if marker not in {_DHT, _DQT, _DRI, Coding.JPEG_EXTENDED.value} or (
            has_frame and marker == Coding.JPEG_EXTENDED.value
        ):
            raise ValueError("a marker that a sequential scan has no use for")
        has_frame |= marker == Coding.JPEG_EXTENDED.value
        kept += codestream[start:end]
    raise ValueError("no scan")


def _entropy_coded(rest: bytes) -> bytes:
    """Return the scan's data with the end marker; another marker among them would begin a second scan or frame."""
    end = rest.rindex(_EOI)
    data = np.frombuffer(rest[:end], np.uint8)
    after_ff = data[1:][data[:-1] == FILL]
    if not _ENTROPY_CODED.issuperset(np.unique(after_ff).tolist()):
        raise ValueError("a marker within the scan")
    return rest[:end] + _EOI
