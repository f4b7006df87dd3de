"""The pixel data: from bytes in one of DICOM's transfer syntaxes to words, and what value each word stands for.

Before: ``worker.image_pixel`` checked the header. After: ``worker.grayscale`` makes one table from word to grey value.
"""

import io
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from pydicom import uid
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.uid import UID
from pydicom.valuerep import VR

from db.bounded import Bounds, bounded
from db.errors import RejectedRadiographError
from worker.attributes import named, rejecting, rejection
from worker.codestream import Codestream, Coding, describe
from worker.decoders import decode_words
from worker.image_pixel import ImagePixel
from worker.jpeg12 import PRECISION_BITS

_UNCOMPRESSED: Final = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
_LOSSY_JPEG: Final = (Coding.JPEG_BASELINE, Coding.JPEG_EXTENDED)
_CODINGS: Final[dict[str, tuple[Coding, ...]]] = {
    uid.JPEGBaseline8Bit: _LOSSY_JPEG,
    uid.JPEGExtended12Bit: _LOSSY_JPEG,
    uid.JPEGLossless: (Coding.JPEG_LOSSLESS,),
    uid.JPEGLosslessSV1: (Coding.JPEG_LOSSLESS,),
    uid.JPEGLSLossless: (Coding.JPEG_LS,),
    uid.JPEGLSNearLossless: (Coding.JPEG_LS,),
    uid.JPEG2000Lossless: (Coding.JPEG_2000,),
    uid.JPEG2000: (Coding.JPEG_2000,),
    uid.HTJ2KLossless: (Coding.JPEG_2000,),
    uid.HTJ2KLosslessRPCL: (Coding.JPEG_2000,),
    uid.HTJ2K: (Coding.JPEG_2000,),
}
_PIXEL_DATA_VRS: Final = {None, VR.OB, VR.OW, VR.UN}  # None where the transfer syntax leaves it out
_FRAGMENTS: Final = Bounds(elements=100_000)  # of 4 kB, those of the largest object
_COMPRESSED_EXTRA_BYTES: Final = 2**16  # tables, comments and a colour profile of an image however small
_SOME_EVERY: Final = 16
_LOSSY_JPEG_BITS: Final = {Coding.JPEG_BASELINE: (8,), Coding.JPEG_EXTENDED: (8, PRECISION_BITS)}


@dataclass(frozen=True)
class Pixels:
    """A decoded image.

    Attributes
    ----------
    words
        (rows, columns) uint8 or uint16, as allocated: unused high bits may hold anything.
    values
        (words,) int64: the stored value that each word stands for, of all words that the allocated bits allow, or the
        stored bits where no word has more.
    """

    words: npt.NDArray[np.uint8 | np.uint16]
    values: npt.NDArray[np.int64]

    def counts(self) -> npt.NDArray[np.int64]:
        """Return (words,) int64: how many pixels have each word."""
        # bincount would first make an int64 of every pixel. A count is float32 here, exact to 16 million.
        words = self.values.size
        return cv2.calcHist([self.words], [0], None, [words], [0, words]).ravel().astype(np.int64)

    def some(self) -> npt.NDArray[np.uint8 | np.uint16]:
        """Return (pixels,) uint8 or uint16: the words of one pixel in 256, from all over the image."""
        return self.words[::_SOME_EVERY, ::_SOME_EVERY].ravel()


def decode(dataset: Dataset, image_pixel: ImagePixel) -> Pixels:
    """Decode the one frame of a checked data set.

    Parameters
    ----------
    dataset
        The data set with its file meta information; not changed.
    image_pixel
        Its Image Pixel module, checked.

    Raises
    ------
    RejectedRadiographError
        When the transfer syntax has no decoder, or the pixel data are cut off, damaged or not what the header says.
    """
    syntax = _transfer_syntax(dataset)
    with rejecting(
        f"{named('PixelData')} cannot be decoded as {syntax.name}. It is damaged or something else: send the original "
        "again."
    ):
        element, codestream = _pixel_data(dataset), None
        frame = element.value
        if syntax in _UNCOMPRESSED:
            _check_length(len(frame), image_pixel)
        else:
            frame = _frame(frame, image_pixel)
        if syntax in _CODINGS:
            codestream = describe(frame)
            _check_codestream(codestream, image_pixel, syntax)
        words = decode_words(frame, element.VR, syntax, image_pixel, codestream)
        return Pixels(words, _stored_values(_possible_words(words, image_pixel), image_pixel, codestream))


def _pixel_data(dataset: Dataset) -> DataElement:
    # Under the VR of a text, a number or a sequence pydicom would convert all of it to such values first.
    received: object = dataset.get_item("PixelData")
    if isinstance(received, RawDataElement) and received.VR not in _PIXEL_DATA_VRS:
        raise ValueError("a VR that pixel data cannot have")
    return dataset["PixelData"]


def _frame(pixel_data: bytes, image_pixel: ImagePixel) -> bytes:
    """Return the compressed image of its fragments joined; of a frame that follows it, nothing."""
    decoded_bytes = image_pixel.rows * image_pixel.columns * image_pixel.bits_allocated // 8
    if len(pixel_data) > 2 * decoded_bytes + _COMPRESSED_EXTRA_BYTES:
        raise ValueError("compressed, and more than twice as large as uncompressed")
    with bounded(io.BytesIO(pixel_data), _FRAGMENTS) as reader:
        return get_frame(reader, 0, number_of_frames=1)


def _transfer_syntax(dataset: Dataset) -> UID:
    with rejecting(f"{named('TransferSyntaxUID')} is malformed. Send the original again."):
        syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if syntax not in {*_UNCOMPRESSED, uid.RLELossless, *_CODINGS}:
        is_known = syntax.name != syntax  # whatever has no name in the standard may be anything
        raise _no_decoder(f"{syntax} {syntax.name}" if is_known else "a UID that is not known" if syntax else None)
    return syntax


def _no_decoder(received: str | None) -> RejectedRadiographError:
    return rejection(
        "TransferSyntaxUID",
        received,
        "a still image's syntax that has a decoder here",
        "Let the sender use an uncompressed syntax, JPEG lossless, JPEG-LS or JPEG 2000.",
    )


def _check_length(received_bytes: int, image_pixel: ImagePixel) -> None:
    expected_bytes = image_pixel.rows * image_pixel.columns * image_pixel.bits_allocated // 8
    if not expected_bytes <= received_bytes < 2 * expected_bytes:
        raise RejectedRadiographError(
            f"{named('PixelData')} has {received_bytes} bytes; expected {expected_bytes} for {image_pixel.rows} rows × "
            f"{image_pixel.columns} columns. It is cut off or its header is wrong: send the original again."
        )


def _check_codestream(codestream: Codestream, image_pixel: ImagePixel, syntax: UID) -> None:
    if codestream.coding not in _CODINGS[syntax]:
        raise ValueError("another coding than the transfer syntax's")
    received = (codestream.rows, codestream.columns, codestream.samples_per_pixel)
    if received != (image_pixel.rows, image_pixel.columns, 1) or codestream.precision > image_pixel.bits_allocated:
        raise RejectedRadiographError(
            f"The compressed image in {named('PixelData')} has {codestream.rows} rows, {codestream.columns} columns, "
            f"{codestream.samples_per_pixel} samples per pixel and {codestream.precision} bits; expected "
            f"{image_pixel.rows}, {image_pixel.columns}, 1 and at most {image_pixel.bits_allocated} as in the header. "
            "Send the original again."
        )
    if codestream.precision not in _LOSSY_JPEG_BITS.get(codestream.coding, (codestream.precision,)):
        raise _no_decoder(f"{syntax} {syntax.name} with {codestream.precision} bits")


def _possible_words(words: npt.NDArray[np.uint8 | np.uint16], image_pixel: ImagePixel) -> npt.NDArray[np.int64]:
    """Return the words to compute for: of 12 bits in 16, a sixteenth, unless the unused bits hold something.

    They stand for the same stored values as all that are allocated, so what is made of these does not depend on it.
    """
    bits = image_pixel.bits_stored
    if bits < image_pixel.bits_allocated and cv2.minMaxLoc(words)[1] >= 2**bits:
        bits = image_pixel.bits_allocated
    return np.arange(2**bits, dtype=np.int64)


def _stored_values(
    words: npt.NDArray[np.int64], image_pixel: ImagePixel, codestream: Codestream | None
) -> npt.NDArray[np.int64]:
    """Return the stored value of each word.

    References
    ----------
    DICOM PS3.5 8.1.1: bits beyond those stored are no part of the value. 8.2.3 and 8.2.4: the sign bit may be where the
    precision of the JPEG-LS or JPEG 2000 codestream put it.
    """
    bits = image_pixel.bits_stored
    if codestream and not image_pixel.is_signed:
        # Lossy coding of 10 bits in 12 overshoots: white must not wrap round to black.
        return np.minimum(words, np.int64(2**bits - 1))
    if codestream:
        bits = min(bits, codestream.precision)
    low: npt.NDArray[np.int64] = words & np.int64(2**bits - 1)
    return np.where(low >> (bits - 1), low - 2**bits, low) if image_pixel.is_signed else low
