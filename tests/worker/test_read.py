"""Honest objects, each of which ends in the standard radiograph."""

import re
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset

from db.errors import RejectedRadiographError
from tests.worker.pictures import COLUMNS, LOSSLESS, PICTURE, ROWS, compressed, eight_bit, radiograph
from worker.read import read


def test_window_becomes_the_full_16_bits(read_object: Callable[[Dataset], np.ndarray]) -> None:
    standard = read_object(radiograph())
    assert standard.shape == (ROWS, COLUMNS)
    assert standard.dtype == np.uint16
    assert standard[0, 0] == 0
    assert standard[1, 1] == 768  # 48 / 4095 × 65535 = 768.2
    assert standard[69, 89] == 56525  # 3532 / 4095 × 65535 = 56524.9


def test_monochrome1_is_inverted(read_object: Callable[[Dataset], np.ndarray]) -> None:
    plain = read_object(radiograph())
    inverted = read_object(radiograph(4095 - PICTURE, PhotometricInterpretation="MONOCHROME1"))
    assert (inverted == plain).all()


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_lossless_codings_give_the_same_picture(syntax: str, read_object: Callable[[Dataset], np.ndarray]) -> None:
    standard = read_object(compressed(syntax, LOSSLESS[syntax](PICTURE)))
    assert (standard == read_object(radiograph())).all()


@pytest.mark.parametrize(
    "syntax", [uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.ExplicitVRBigEndian]
)
def test_syntaxes_of_pydicom_give_the_same_picture(
    syntax: uid.UID, read_object: Callable[[Dataset], np.ndarray]
) -> None:
    data_set = radiograph()
    if syntax == uid.RLELossless:
        data_set.compress(syntax, generate_instance_uid=False)
    elif syntax == uid.ExplicitVRBigEndian:
        data_set.PixelData = PICTURE.astype(">u2").tobytes()
    data_set.file_meta.TransferSyntaxUID = syntax
    assert (read_object(data_set) == read_object(radiograph())).all()


@pytest.mark.parametrize("coded_bits", [12, 16])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, *LOSSLESS])
def test_negative_values_are_read_in_every_coding(
    syntax: str, coded_bits: int, read_object: Callable[[Dataset], np.ndarray]
) -> None:
    signed = PICTURE.astype(np.int16) - 2048
    words = signed.view(np.uint16) & np.uint16(2**coded_bits - 1)
    attributes = {"PixelRepresentation": 1, "RescaleIntercept": 2048}
    if syntax == uid.ExplicitVRLittleEndian:
        data_set = radiograph(words, **attributes)
    elif syntax in {uid.JPEGLossless, uid.JPEGLosslessSV1}:
        data_set = compressed(syntax, imagecodecs.ljpeg_encode(words, bitspersample=coded_bits), **attributes)
    else:
        data_set = compressed(syntax, LOSSLESS[syntax](words), **attributes)
    assert (read_object(data_set) == read_object(radiograph())).all()


def test_bits_beyond_those_stored_are_no_part_of_the_value(read_object: Callable[[Dataset], np.ndarray]) -> None:
    with_overlay = PICTURE.copy()
    with_overlay[::7] |= 0xF000
    assert (read_object(radiograph(with_overlay)) == read_object(radiograph())).all()


@pytest.mark.parametrize("has_window", [True, False])
def test_one_pixel_among_others_is_a_picture(has_window: bool, read_object: Callable[[Dataset], np.ndarray]) -> None:
    picture = np.full((64, 64), 700, np.uint16)
    picture[37, 21] = 701
    standard = read_object(radiograph(picture, has_window=has_window))
    assert np.argwhere(standard != standard[0, 0]).tolist() == [[37, 21]]


def test_lossy_overshoot_stays_white(read_object: Callable[[Dataset], np.ndarray]) -> None:
    overshooting = PICTURE.copy()
    overshooting[0, :5] = 4100  # 13 bits, where 12 are stored
    codestream = imagecodecs.jpeg2k_encode(overshooting, codecformat="j2k", reversible=True)
    assert (read_object(compressed(uid.JPEG2000, codestream))[0, :5] == 65535).all()


def test_8_bit_and_inverted_12_bit_wraps_of_a_picture_look_the_same(
    read_object: Callable[[Dataset], np.ndarray],
) -> None:
    grey = (PICTURE // 16).astype(np.uint8)
    grey[:, :45] = 0  # a painted background
    wide = 4095 - grey.astype(np.uint16) * 16
    twelve_bit = radiograph(wide, has_window=False, PhotometricInterpretation="MONOCHROME1")
    assert np.abs(read_object(eight_bit(grey)).astype(int) - read_object(twelve_bit)).max() <= 1


def test_baseline_jpeg_is_read(read_object: Callable[[Dataset], np.ndarray]) -> None:
    grey = (PICTURE // 16).astype(np.uint8)
    depth = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "WindowCenter": 128, "WindowWidth": 256}
    codestream = imagecodecs.jpeg8_encode(grey, level=98)
    lossy = read_object(compressed(uid.JPEGBaseline8Bit, codestream, **depth))
    assert np.abs(lossy.astype(int) - grey.astype(int) * 257).mean() < 2 * 257


def test_picture_is_shrunk_to_1024(read_object: Callable[[Dataset], np.ndarray]) -> None:
    assert read_object(radiograph(np.kron(PICTURE, np.ones((20, 20), np.uint16)))).shape == (796, 1024)


def test_rg3_is_the_same_in_all_lossless_encodings(shared_data: Path) -> None:
    plain = read(shared_data / "dicom" / "RG3_UNC.dcm")
    assert plain.shape == (1024, 1024)
    for encoding in ("RLE", "JPLL", "JLSL", "J2KR"):
        assert (read(shared_data / "dicom" / f"RG3_{encoding}.dcm") == plain).all(), encoding
    for encoding in ("JLSN", "J2KI"):
        lossy = read(shared_data / "dicom" / f"RG3_{encoding}.dcm")
        assert np.abs(lossy.astype(int) - plain).mean() < 65535 / 500, encoding


def test_every_real_object_ends_in_a_radiograph_or_a_reason(shared_data: Path) -> None:
    rejected = []
    for path in sorted((shared_data / "dicom").glob("*.dcm")):
        try:
            assert read(path).max() > 0
        except RejectedRadiographError as error:
            assert re.search(r"[Ss]end|sender", str(error))
            rejected.append(path.name)
    assert rejected == [
        "HTJ2KLossless_08_RGB.dcm",  # colour
        "HTJ2K_08_RGB.dcm",
        "Issue56-NoPixelData.dcm",
        "JLSL_08_07_0_1F.dcm",  # 7 bits
        "JLSL_RGB_ILV0.dcm",  # no file meta information, and colour
        "JLSL_RGB_ILV1.dcm",
        "JLSL_RGB_ILV2.dcm",
        "JLSN_RGB_ILV0.dcm",
    ]
