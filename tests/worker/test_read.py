"""Hostile and honest objects, each of which ends in the standard radiograph or in a reason."""

import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from db.errors import RejectedRadiographError, TransientError
from tests.objects import as_file, file_bytes, hand_radiograph
from worker import decoders
from worker.limits import Limits
from worker.read import read

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


@pytest.fixture
def read_object(tmp_path: Path) -> Callable[[Dataset], np.ndarray]:
    return lambda data_set: read(as_file(data_set, tmp_path / "object.dcm"))


@pytest.fixture
def reason(tmp_path: Path) -> Callable[..., str]:
    """Why a data set, or a file of some bytes, is rejected."""

    def rejected(received: Dataset | bytes, limits: Limits | None = None) -> str:
        path = tmp_path / "object.dcm"
        path.write_bytes(received if isinstance(received, bytes) else file_bytes(received))
        with pytest.raises(RejectedRadiographError) as error:
            read(path, limits or Limits())
        return str(error.value)

    return rejected


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


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"PixelData": None}, "7FE0,0010 PixelData) is missing"),
    ({"SamplesPerPixel": 3}, "0028,0002 SamplesPerPixel) is 3; expected 1."),
    ({"NumberOfFrames": 2}, "0028,0008 NumberOfFrames) is 2; expected 1."),
    ({"PhotometricInterpretation": "RGB"}, "0028,0004 PhotometricInterpretation) is RGB; expected MONOCHROME1 or MONO"),
    ({"PhotometricInterpretation": "PALETTE COLOR"}, "is PALETTE COLOR"),
    ({"PhotometricInterpretation": None}, "PhotometricInterpretation) is missing"),
    ({"BitsAllocated": 32}, "0028,0100 BitsAllocated) is 32; expected 8 or 16."),
    ({"BitsStored": 7, "HighBit": 6}, "0028,0101 BitsStored) is 7; expected 8 to 16."),
    ({"BitsStored": 17, "HighBit": 16}, "BitsStored) is 17"),
    ({"HighBit": 15}, "0028,0102 HighBit) is 15; expected 11."),
    ({"PixelRepresentation": 2}, "0028,0103 PixelRepresentation) is 2; expected 0 or 1."),
    ({"PixelRepresentation": None}, "PixelRepresentation) is missing"),
]


@pytest.mark.parametrize(("overrides", "words"), WRONG)
def test_header_that_is_no_radiographs_is_rejected_by_name(
    overrides: dict[str, Any], words: str, reason: Callable[..., str]
) -> None:
    data_set = radiograph()
    for keyword, value in overrides.items():
        if value is None:
            delattr(data_set, keyword)
        else:
            setattr(data_set, keyword, value)
    assert words in reason(data_set)


def test_size_is_bounded_before_decoding(reason: Callable[..., str]) -> None:
    huge, small = radiograph(), radiograph()
    huge.Rows = huge.Columns = 65535
    small.Columns = 31
    assert "0028,0010 Rows) is 65535 with 65535 columns; expected at most 67108864 pixels" in reason(huge)
    assert "0028,0011 Columns) is 31; expected at least 32." in reason(small)
    assert "expected at most 6299 pixels" in reason(radiograph(), Limits(maximum_pixels=6299))


def test_codestream_of_another_size_is_not_decoded(reason: Callable[..., str]) -> None:
    for syntax, encode in LOSSLESS.items():
        codestream = encode(np.zeros((2000, 64), np.uint16))
        assert "has 2000 rows, 64 columns, 1 samples" in reason(compressed(syntax, codestream))


def test_codestream_of_another_coding_is_rejected(reason: Callable[..., str]) -> None:
    codestream = LOSSLESS[uid.JPEGLSLossless](PICTURE)
    assert "cannot be decoded as JPEG 2000" in reason(compressed(uid.JPEG2000Lossless, codestream))


def test_unknown_and_moving_picture_syntaxes_are_rejected(reason: Callable[..., str]) -> None:
    assert "0002,0010 TransferSyntaxUID) is 1.2.840.10008.1.2.4.100 MPEG2" in reason(
        compressed(uid.MPEG2MPML, b"\x00\x00\x01\xb3")
    )


def test_12_bit_jpeg_names_the_syntaxes_that_work(reason: Callable[..., str], shared_data: Path) -> None:
    words = reason((shared_data / "dicom" / "RG3_JPLY.dcm").read_bytes())
    assert "1.2.840.10008.1.2.4.51 JPEG Extended (Process 2 and 4) with 12 bits" in words
    assert "JPEG lossless, JPEG-LS or JPEG 2000" in words


def test_codestream_without_its_end_is_rejected(reason: Callable[..., str]) -> None:
    for syntax, encode in LOSSLESS.items():
        assert "expected the end marker FFD9" in reason(compressed(syntax, encode(PICTURE)[:-200]))


def test_files_that_are_no_dicom_are_rejected(reason: Callable[..., str]) -> None:
    for content in (b"\x00", b"%PDF-1.7", b"\x00" * 128 + b"DICM", imagecodecs.png_encode(PICTURE)):
        reason(content)
    assert reason(b"") == "The file has 0 bytes; expected 1 to 536870912. Send one radiograph, whole."
    assert "expected 1 to 99" in reason(file_bytes(radiograph()), Limits(maximum_bytes=99))


def test_truncated_file_is_rejected_wherever_it_ends(reason: Callable[..., str]) -> None:
    content = file_bytes(radiograph())
    assert "cut off: its last element (7FE0,0010) has 12599 bytes; expected 12600." in reason(content[:-1])
    for length in (1, 100, 131, 132, 140, 200, 400, len(content) - PICTURE.nbytes, len(content) - 5000):
        reason(content[:length])


def test_pixel_data_shorter_than_the_header_says_are_rejected(reason: Callable[..., str]) -> None:
    data_set = radiograph()
    data_set.Rows = ROWS + 1
    assert "has 12600 bytes; expected 12780 for 71 rows × 90 columns" in reason(data_set)
    data_set.Rows = ROWS // 2
    assert "has 12600 bytes; expected 6300" in reason(data_set)


def test_deflate_bomb_is_not_inflated(reason: Callable[..., str]) -> None:
    data_set = radiograph()
    data_set.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    header = file_bytes(data_set)
    start = header.index(b"\x02\x00\x13\x00")  # Implementation Version Name, the last of the file meta information
    start += 8 + header[start + 6]
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = header[:start] + deflater.compress(bytes(2**24)) + deflater.flush()
    assert "holds more than 1048576 bytes" in reason(bomb, Limits(maximum_bytes=2**20))


def test_constant_image_is_rejected(reason: Callable[..., str]) -> None:
    assert "same grey value" in reason(radiograph(np.full((64, 64), 700, np.uint16)))


def test_malformed_numbers_are_rejected_without_quoting_them(reason: Callable[..., str]) -> None:
    content = file_bytes(radiograph()).replace(b"2048.0", b"Mary^X")
    words = reason(content)
    assert "0028,1050 WindowCenter) is not a number" in words
    assert "Mary" not in words


def test_file_that_cannot_be_read_from_disk_is_no_rejection(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="No such file"):
        read(tmp_path / "missing.dcm")


@pytest.mark.parametrize("interruption", [SoftTimeLimitExceeded(), MemoryError()])
def test_time_limit_and_lack_of_memory_in_a_decoder_pass_through(
    interruption: Exception, read_object: Callable[[Dataset], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise interruption

    monkeypatch.setitem(decoders.get_decoder(uid.JPEGLSLossless)._available, "pyjpegls", interrupt)
    with pytest.raises(type(interruption)):
        read_object(compressed(uid.JPEGLSLossless, LOSSLESS[uid.JPEGLSLossless](PICTURE)))


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
        "RG3_JPLY.dcm",  # 12-bit JPEG
    ]
