"""Is this one greyscale image that can be read? Checked from the header alone, before a pixel is decoded.

Before: ``worker.stored_object`` parsed the file. After: ``worker.pixels`` decodes what this module let through.
"""

from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset

from worker.attributes import LARGEST_WORD, UNKNOWN_TERM, code, number, rejection
from worker.limits import Limits

_ORIGINAL: Final = "Send the original greyscale radiograph, not a screenshot, a colour copy or a series."
_CHECK_SENDER: Final = "The header is malformed: check the sender."
# PS3.3 C.7.6.3.1.2, with the retired ones: what a reason may repeat.
_PHOTOMETRIC_INTERPRETATIONS: Final = frozenset(
    {"ARGB", "CMYK", "HSV", "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "XYB"}
    | {f"YBR_{kind}" for kind in ("FULL", "FULL_422", "ICT", "PARTIAL_420", "PARTIAL_422", "RCT")}
)


@dataclass(frozen=True)
class ImagePixel:
    """The attributes of the Image Pixel module, checked.

    Attributes
    ----------
    rows, columns
        Size in px.
    bits_allocated
        8 or 16.
    bits_stored
        8 to 16, the low bits of what is allocated.
    is_signed
        Whether stored values are two's complement.
    photometric_interpretation
        MONOCHROME1 or MONOCHROME2.

    References
    ----------
    DICOM PS3.3 C.7.6.3.
    """

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool
    photometric_interpretation: str


def check_image_pixel(dataset: Dataset, limits: Limits) -> ImagePixel:
    """Return the Image Pixel module of a data set that holds exactly one greyscale image of reasonable size.

    Parameters
    ----------
    dataset
        An untrusted data set.
    limits
        How large and how small the image may be.

    Raises
    ------
    RejectedRadiographError
        Naming the first attribute that is not as a radiograph's must be.
    """
    if "PixelData" not in dataset:
        remedy = "The object holds no image, or was cut off on the way: send the original radiograph again."
        raise rejection("PixelData", None, "one image", remedy)
    _require_one_of(dataset, "SamplesPerPixel", (1,), _ORIGINAL)
    _require_one_of(dataset, "NumberOfFrames", (1, None), _ORIGINAL)
    photometric_interpretation = code(dataset, "PhotometricInterpretation")
    if photometric_interpretation not in {"MONOCHROME1", "MONOCHROME2"}:
        is_told = photometric_interpretation in {None, *_PHOTOMETRIC_INTERPRETATIONS}
        received = photometric_interpretation if is_told else UNKNOWN_TERM
        raise rejection("PhotometricInterpretation", received, "MONOCHROME1 or MONOCHROME2", _ORIGINAL)
    rows, columns = _size(dataset, limits)
    bits_allocated, bits_stored = _depth(dataset)
    sign = _require_one_of(dataset, "PixelRepresentation", (0, 1), _CHECK_SENDER)
    _check_decoded_size(rows * columns * bits_allocated // 8, limits)
    return ImagePixel(rows, columns, bits_allocated, bits_stored, sign == 1, photometric_interpretation)


def _size(dataset: Dataset, limits: Limits) -> tuple[int, int]:
    remedy = "Send the original radiograph, not an icon or a stitched image."
    sides = []
    for keyword in ("Rows", "Columns"):
        side = _whole_number(dataset, keyword)
        if side is None or not limits.minimum_side_pixels <= side <= LARGEST_WORD:
            raise rejection(keyword, side, f"{limits.minimum_side_pixels} to {LARGEST_WORD}", remedy)
        sides.append(side)
    rows, columns = sides
    if rows * columns > limits.maximum_pixels:
        expected = f"at most {limits.maximum_pixels} pixels in all"
        raise rejection("Rows", f"{rows} with {columns} columns", expected, remedy)
    return rows, columns


def _check_decoded_size(decoded_bytes: int, limits: Limits) -> None:
    if decoded_bytes > limits.maximum_decoded_bytes:
        expected = f"at most {limits.maximum_decoded_bytes} bytes once decoded"
        remedy = "Send the original radiograph, not a stitched image."
        raise rejection("Rows", f"such that the image has {decoded_bytes} bytes", expected, remedy)


def _depth(dataset: Dataset) -> tuple[int, int]:
    remedy = "Send the radiograph with 8 to 16 bits per pixel."
    bits_allocated = _require_one_of(dataset, "BitsAllocated", (8, 16), remedy) or 0
    # DX allows 6 and 7 bits (PS3.3 C.8.11.3); no radiograph has so few but a damaged or degraded one.
    bits_stored = _require_one_of(dataset, "BitsStored", range(8, bits_allocated + 1), remedy) or 0
    # PS3.5 8.1.1 wants it so since 2009; older objects with the value higher up would be read wrong in silence.
    _require_one_of(dataset, "HighBit", (bits_stored - 1, None), "Send it with the stored bits lowest.")
    return bits_allocated, bits_stored


def _require_one_of(
    dataset: Dataset, keyword: str, expected: tuple[int | None, ...] | range, remedy: str
) -> int | None:
    received = _whole_number(dataset, keyword)
    if received not in expected:
        values = sorted(value for value in expected if value is not None)
        words = str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"
        raise rejection(keyword, received, words if isinstance(expected, range) else _either(values), remedy)
    return received


def _either(values: list[int]) -> str:
    return " or ".join(str(value) for value in values)


def _whole_number(dataset: Dataset, keyword: str) -> int | None:
    received = number(dataset, keyword)
    if received is None:
        return None
    if not received.is_integer():
        raise rejection(keyword, "a fraction", "a whole number", _CHECK_SENDER)
    return int(received)
