"""Objects of one small picture in every coding, for tests of reading."""

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from tests.objects import hand_radiograph

ROWS, COLUMNS = 70, 90
PICTURE = (np.arange(ROWS)[:, np.newaxis] * 37 + np.arange(COLUMNS) * 11).astype(np.uint16)  # 0 to 3532 of 4095
LOSSLESS: dict[str, Callable[[Any], bytes]] = {
    uid.JPEGLossless: lambda picture: imagecodecs.ljpeg_encode(picture, bitspersample=12),
    uid.JPEGLosslessSV1: lambda picture: imagecodecs.ljpeg_encode(picture, bitspersample=12),
    uid.JPEGLSLossless: imagecodecs.jpegls_encode,
    uid.JPEG2000Lossless: lambda picture: imagecodecs.jpeg2k_encode(picture, codecformat="j2k", reversible=True),
    uid.HTJ2KLossless: imagecodecs.htj2k_encode,
}


def radiograph(picture: np.ndarray = PICTURE, *, has_window: bool = True, **overrides: Any) -> Dataset:
    """An uncompressed radiograph of a picture, with a window of all 12 bits unless told."""
    window = {"WindowCenter": 2048, "WindowWidth": 4096} if has_window else {}
    data_set = hand_radiograph(**window | overrides)
    data_set.Rows, data_set.Columns = picture.shape
    data_set.PixelData = picture.tobytes() + b"\x00" * (picture.nbytes % 2)
    return data_set


def compressed(syntax: str, codestream: bytes, **overrides: Any) -> Dataset:
    data_set = radiograph(**overrides)
    data_set.file_meta.TransferSyntaxUID = uid.UID(syntax)
    data_set.PixelData = encapsulate([codestream])
    data_set["PixelData"].VR = "OB"
    return data_set


def eight_bit(picture: np.ndarray, **overrides: Any) -> Dataset:
    depth = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    return radiograph(picture.astype(np.uint8), has_window=False, **depth | overrides)
