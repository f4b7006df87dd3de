"""One picture as a modality might send it: other bit depths, inverted, and in each lossless transfer syntax."""

import copy

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from carpus.wrap import wrap


def eight_bit(picture: NDArray[np.uint16], patient_sex: str = "F") -> Dataset:
    """Return a display-referred picture as `carpus send` wraps an 8-bit PNG."""
    return _anew(wrap((picture >> 8).astype(np.uint8), "P-1", "tests", patient_sex))


def twelve_bit_monochrome1(picture: NDArray[np.uint16]) -> Dataset:
    """Return the same picture as 12 of 16 bits, bone dark, without a window."""
    data_set = eight_bit(picture)
    pixels = 4095 - (picture >> 4)
    data_set.PhotometricInterpretation, data_set.PresentationLUTShape = "MONOCHROME1", "INVERSE"
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 16, 12, 11
    for keyword in ("WindowCenter", "WindowWidth", "VOILUTFunction"):
        if keyword in data_set:
            delattr(data_set, keyword)
    data_set.PixelData = pixels.astype("<u2").tobytes()
    data_set["PixelData"].VR = "OW"
    return data_set


def encoded(data_set: Dataset, syntax: str) -> Dataset:
    """Return an uncompressed object in another transfer syntax, under a UID of its own."""
    other = _anew(copy.deepcopy(data_set))
    match syntax:
        case "RLE":
            other.compress(RLELossless, generate_instance_uid=False)
        case "JPEG-LS":
            other.compress(JPEGLSLossless, generate_instance_uid=False)
        case "JPEG 2000":
            other.compress(JPEG2000Lossless, generate_instance_uid=False)
        case "JPEG lossless":
            _put(other, JPEGLosslessSV1, imagecodecs.ljpeg_encode(_pixels(other), bitspersample=other.BitsStored))
        case "HTJ2K":
            _put(other, HTJ2KLossless, imagecodecs.htj2k_encode(_pixels(other), level=None, reversible=True))
        case "deflated":
            other.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        case "implicit":
            other.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        case _:
            raise ValueError(syntax)
    return other


def _anew(data_set: Dataset) -> Dataset:
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return data_set


def _pixels(data_set: Dataset) -> NDArray[np.uint8] | NDArray[np.uint16]:
    dtype = np.uint8 if data_set.BitsAllocated == 8 else np.uint16
    return np.frombuffer(data_set.PixelData, dtype)[: data_set.Rows * data_set.Columns].reshape(
        data_set.Rows, data_set.Columns
    )


def _put(data_set: Dataset, transfer_syntax_uid: str, frame: bytes) -> None:
    data_set.PixelData = encapsulate([frame])
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    data_set.file_meta.TransferSyntaxUID = transfer_syntax_uid
