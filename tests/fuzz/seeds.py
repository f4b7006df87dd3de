"""Valid radiographs in every transfer syntax, taken apart into what can be damaged: elements and codestreams."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.uid import UID

from dicom_listener.serve import TRANSFER_SYNTAXES
from tests.objects import file_bytes
from tests.worker.pictures import PICTURE, compressed, eight_bit, radiograph

LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
PIXEL_DATA = 0x7FE00010
_GREY = (PICTURE // 16).astype(np.uint8)
_JPEG_2000 = {"codecformat": "j2k"}
_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    uid.JPEGExtended12Bit: lambda picture: imagecodecs.jpeg_encode(picture, bitspersample=12, level=95),
    uid.JPEGLossless: lambda picture: imagecodecs.ljpeg_encode(picture, bitspersample=12),
    uid.JPEGLosslessSV1: lambda picture: imagecodecs.ljpeg_encode(picture, bitspersample=12),
    uid.JPEGLSLossless: imagecodecs.jpegls_encode,
    uid.JPEGLSNearLossless: lambda picture: imagecodecs.jpegls_encode(picture, level=2),
    uid.JPEG2000Lossless: lambda picture: imagecodecs.jpeg2k_encode(picture, reversible=True, **_JPEG_2000),
    uid.JPEG2000: lambda picture: imagecodecs.jpeg2k_encode(picture, level=50, **_JPEG_2000),
    uid.HTJ2KLossless: imagecodecs.htj2k_encode,
    uid.HTJ2KLosslessRPCL: imagecodecs.htj2k_encode,
    uid.HTJ2K: imagecodecs.htj2k_encode,
}


@dataclass(frozen=True)
class Element:
    """An element as it will be written; a stated length may lie."""

    tag: int
    vr: bytes
    value: bytes
    stated_length: int | None = None

    def encoded(self, *, is_implicit: bool, order: str) -> bytes:
        length = len(self.value) if self.stated_length is None else self.stated_length
        tag = struct.pack(f"{order}HH", self.tag >> 16, self.tag & 0xFFFF)
        if is_implicit:
            return tag + struct.pack(f"{order}L", length) + self.value
        if self.vr in LONG_VRS:
            return tag + self.vr + struct.pack(f"{order}2xL", length) + self.value
        return tag + self.vr + struct.pack(f"{order}H", length & 0xFFFF) + self.value


@dataclass(frozen=True)
class Seed:
    """A valid object: what comes before its data set, its elements, and its compressed image."""

    name: str
    syntax: UID
    meta: bytes
    elements: tuple[Element, ...]
    frame: bytes | None

    @property
    def order(self) -> str:
        return "<" if self.syntax.is_little_endian else ">"

    def data_set(self, elements: list[Element]) -> bytes:
        """Return elements as the transfer syntax writes them, not yet deflated."""
        is_implicit = self.syntax.is_implicit_VR
        return b"".join(element.encoded(is_implicit=is_implicit, order=self.order) for element in elements)


@cache
def seeds() -> tuple[Seed, ...]:
    """Return an object of every transfer syntax that the listener takes, and some that show their pixels otherwise."""
    plain = [_taken_apart(syntax.name, _in_syntax(syntax)) for syntax in TRANSFER_SYNTAXES]
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 12], list(range(4096))
    table["LUTData"].VR = table["LUTDescriptor"].VR = "US"
    others = {
        "VOI LUT": radiograph(has_window=False, VOILUTSequence=[table]),
        "modality LUT, signed": radiograph(PixelRepresentation=1, ModalityLUTSequence=[table]),
        "padding, inverted": radiograph(PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=7),
        "8 bit": eight_bit(_GREY),
    }
    return (*plain, *(_taken_apart(name, data_set) for name, data_set in others.items()))


def _in_syntax(syntax: UID) -> Dataset:
    if syntax == uid.JPEGBaseline8Bit:
        data_set = eight_bit(_GREY)
        coded = compressed(syntax, imagecodecs.jpeg8_encode(_GREY))
        data_set.file_meta, data_set.PixelData = coded.file_meta, coded.PixelData
        data_set["PixelData"].VR = "OB"
        return data_set
    if syntax in _ENCODERS:
        return compressed(syntax, _ENCODERS[syntax](PICTURE))
    data_set = radiograph()
    if syntax == uid.RLELossless:
        data_set.compress(syntax, generate_instance_uid=False)
    elif syntax == uid.ExplicitVRBigEndian:
        data_set.PixelData = PICTURE.astype(">u2").tobytes()
    data_set.file_meta.TransferSyntaxUID = syntax
    return data_set


def _taken_apart(name: str, data_set: Dataset) -> Seed:
    syntax = UID(data_set.file_meta.TransferSyntaxUID)
    data_set.SOPInstanceUID = "1.2.3.4"
    written = file_bytes(data_set)
    if syntax == uid.DeflatedExplicitVRLittleEndian:  # the same, and deflated once it has been damaged
        plain = radiograph(SOPInstanceUID="1.2.3.4")
        plain.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        rest = _without_meta(file_bytes(plain))[1]
    else:
        rest = _without_meta(written)[1]
    frame = get_frame(data_set.PixelData, 0, number_of_frames=1) if syntax.is_encapsulated else None
    seed = Seed(name, syntax, _without_meta(written)[0], (), frame)
    return replace(seed, elements=tuple(_split(rest, is_implicit=syntax.is_implicit_VR, order=seed.order)))


def _without_meta(content: bytes) -> tuple[bytes, bytes]:
    end = 144 + int.from_bytes(content[140:144], "little")
    return content[:end], content[end:]


def _split(data_set: bytes, *, is_implicit: bool, order: str) -> list[Element]:
    elements, position = [], 0
    while position < len(data_set):
        group, number = struct.unpack_from(f"{order}HH", data_set, position)
        vr, start, size = b"", position + 8, 0
        if is_implicit:
            (size,) = struct.unpack_from(f"{order}L", data_set, position + 4)
        elif (vr := data_set[position + 4 : position + 6]) in LONG_VRS:
            start += 4
            (size,) = struct.unpack_from(f"{order}L", data_set, position + 8)
        else:
            (size,) = struct.unpack_from(f"{order}H", data_set, position + 6)
        is_undefined = size == 0xFFFFFFFF  # only the compressed image at the end
        end = len(data_set) if is_undefined else start + size
        elements.append(Element(group << 16 | number, vr, data_set[start:end], size if is_undefined else None))
        position = end
    return elements
