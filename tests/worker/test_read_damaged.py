"""Random damage: whatever the bytes, reading ends in the standard radiograph or in a rejection, never otherwise."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.encaps import encapsulate

from db.errors import RejectedRadiographError
from tests.objects import file_bytes, hand_radiograph
from worker.read import read

# Derandomised: a decoder in C that crashes would end the test process; new damage is sought outside the test run.
bounded = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _compressed(syntax: str, codestream: bytes, bits: int) -> bytes:
    data_set = hand_radiograph(BitsAllocated=8 if bits == 8 else 16, BitsStored=bits, HighBit=bits - 1)
    data_set.file_meta.TransferSyntaxUID = uid.UID(syntax)
    data_set.PixelData = encapsulate([codestream])
    data_set["PixelData"].VR = "OB"
    return file_bytes(data_set)


_PICTURE = np.linspace(0, 4095, 48 * 32).astype(np.uint16).reshape(48, 32)
OBJECTS = {
    "uncompressed": file_bytes(hand_radiograph()),
    "JPEG baseline": _compressed(uid.JPEGBaseline8Bit, imagecodecs.jpeg8_encode((_PICTURE // 16).astype(np.uint8)), 8),
    "JPEG lossless": _compressed(uid.JPEGLosslessSV1, imagecodecs.ljpeg_encode(_PICTURE, bitspersample=12), 12),
    "JPEG-LS": _compressed(uid.JPEGLSLossless, imagecodecs.jpegls_encode(_PICTURE), 12),
    "JPEG 2000": _compressed(uid.JPEG2000Lossless, imagecodecs.jpeg2k_encode(_PICTURE, codecformat="j2k"), 12),
    "HTJ2K": _compressed(uid.HTJ2KLossless, imagecodecs.htj2k_encode(_PICTURE), 12),
}


def ends_well(content: bytes, folder: Path) -> None:
    path = folder / "object.dcm"
    path.write_bytes(content)
    try:
        radiograph = read(path)
    except RejectedRadiographError as error:
        assert len(str(error)) > 40
        assert "Test^Object" not in str(error)
    else:
        assert radiograph.dtype == np.uint16
        assert radiograph.min() < radiograph.max()


@bounded
@given(content=st.binary(max_size=2000), has_preamble=st.booleans())
def test_random_bytes_end_well(content: bytes, has_preamble: bool, tmp_path: Path) -> None:
    ends_well(bytes(128) + b"DICM" + content if has_preamble else content, tmp_path)


@pytest.mark.parametrize("coding", OBJECTS)
@bounded
@given(data=st.data())
def test_flipped_bytes_end_well(coding: str, data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(OBJECTS[coding])
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, min_size=1, max_size=6)):
        content[place] = value
    ends_well(bytes(content), tmp_path)


@pytest.mark.parametrize("coding", OBJECTS)
@bounded
@given(data=st.data())
def test_files_cut_off_end_well(coding: str, data: st.DataObject, tmp_path: Path) -> None:
    ends_well(OBJECTS[coding][: data.draw(st.integers(0, len(OBJECTS[coding]) - 1))], tmp_path)
