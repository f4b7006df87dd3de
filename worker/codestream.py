"""What a compressed image says about itself, read from its first bytes before a decoder allocates what it claims.

Before: ``worker.pixels`` took the codestream out of the DICOM object. After: it decodes only one that fits the header.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from db.errors import RejectedRadiographError
from worker.attributes import named

_SOC_SIZ: Final = b"\xff\x4f\xff\x51"  # ISO/IEC 15444-1 A.4.1, A.5.1: start of codestream, image and tile size
SOI: Final = b"\xff\xd8"  # ISO/IEC 10918-1 B.1.1.3: start of image
_END: Final = b"\xff\xd9"  # end of image, end of codestream: the same in both
FILL: Final = 0xFF
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, restart markers, SOI
_PADDING: Final = b"\x00\xff"  # to an even length, or as some senders align it
_PADDING_BYTES: Final = 16


class Coding(Enum):
    """How an image is compressed, by the marker of its frame header.

    References
    ----------
    ISO/IEC 10918-1 table B.1 (SOF0, SOF1, SOF3), ISO/IEC 14495-1 C.1.1 (SOF55), ISO/IEC 15444-1 A.2 (SIZ; HTJ2K too).
    """

    JPEG_BASELINE = 0xC0
    JPEG_EXTENDED = 0xC1
    JPEG_LOSSLESS = 0xC3
    JPEG_LS = 0xF7
    JPEG_2000 = 0x51


@dataclass(frozen=True)
class Codestream:
    """A codestream's own account of its image: coding, size in px, samples per pixel, bits per sample."""

    coding: Coding
    rows: int
    columns: int
    samples_per_pixel: int
    precision: int


def describe(codestream: bytes) -> Codestream:
    """Read the frame header of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K codestream, and see that it has an end.

    Parameters
    ----------
    codestream
        The compressed image, whole.

    Raises
    ------
    RejectedRadiographError
        When it has no end: decoders would paint the missing part grey.
    ValueError, IndexError
        When it is no such codestream.
    """
    if not codestream[-_PADDING_BYTES:].rstrip(_PADDING).endswith(_END):
        raise RejectedRadiographError(
            f"The compressed image in {named('PixelData')} is cut off; expected the end marker FFD9 as its last bytes. "
            "Send the original again."
        )
    return _jpeg(codestream) if codestream.startswith(SOI) else _jpeg_2000(codestream)


def segments(codestream: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker segments of a JPEG or JPEG-LS codestream from its start: marker, where it begins, where it ends.

    What follows the first scan's header is no segment; whoever asks on gets what its bytes happen to look like.

    Raises
    ------
    IndexError
        When the codestream ends.
    """
    position = len(SOI)
    while codestream[position] == FILL:
        marker = codestream[position + 1]
        if marker == FILL:
            position += 1
        elif marker in _WITHOUT_LENGTH:
            position += 2
        else:
            end = position + 2 + int.from_bytes(codestream[position + 2 : position + 4])
            yield marker, position, end
            position = end


def _jpeg(codestream: bytes) -> Codestream:
    codings = {coding.value: coding for coding in Coding}
    for marker, start, _ in segments(codestream):
        if marker in codings:
            header = codestream[start + 4 : start + 10]
            return Codestream(
                coding=codings[marker],
                rows=int.from_bytes(header[1:3]),
                columns=int.from_bytes(header[3:5]),
                samples_per_pixel=header[5],
                precision=header[0],
            )
    raise ValueError("no frame header that a radiograph may have")


def _jpeg_2000(codestream: bytes) -> Codestream:
    # Some senders wrap the codestream in a JP2 file, against PS3.5 A.4.4; decoders take it.
    size = codestream[codestream.index(_SOC_SIZ) + 4 :][:41]
    right, bottom, left, top = (int.from_bytes(size[start : start + 4]) for start in (4, 8, 12, 16))
    return Codestream(
        coding=Coding.JPEG_2000,
        rows=bottom - top,
        columns=right - left,
        samples_per_pixel=int.from_bytes(size[36:38]),
        precision=(size[38] & 0x7F) + 1,
    )
