"""Objects that are no radiograph: each ends in a reason, and what is not the object's fault does not."""

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
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from db.errors import TransientError
from tests.objects import file_bytes
from tests.worker.pictures import LOSSLESS, PICTURE, ROWS, compressed, radiograph
from worker import decoders
from worker.limits import Limits
from worker.read import read

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
    assert "0028,0011 Columns) is 31; expected 32 to 65535." in reason(small)
    assert "expected at most 6299 pixels" in reason(radiograph(), Limits(maximum_pixels=6299))
    words = reason(radiograph(), Limits(maximum_decoded_bytes=12599))
    assert "such that the image has 12600 bytes; expected at most 12599 bytes once decoded" in words


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
    assert "holds more than 1048576 bytes" in reason(bomb, Limits(maximum_decoded_bytes=2**20))


def test_constant_image_is_rejected(reason: Callable[..., str]) -> None:
    constant = np.full((64, 64), 700, np.uint16)
    assert "same grey value" in reason(radiograph(constant))
    assert "same grey value" in reason(radiograph(constant, has_window=False))
    padded = constant.copy()
    padded[:20] = 3000
    assert "same grey value" in reason(radiograph(padded, PixelPaddingValue=3000))


def test_malformed_numbers_are_rejected_without_quoting_them(reason: Callable[..., str]) -> None:
    content = file_bytes(radiograph()).replace(b"2048.0", b"Mary^X")
    words = reason(content)
    assert "0028,1050 WindowCenter) is not a number" in words
    assert "Mary" not in words


@pytest.mark.parametrize(
    ("keyword", "vr", "value", "words"),
    [
        ("PhotometricInterpretation", "CS", "DOE JANE", "is a term that is not known; expected MONOCHROME1"),
        ("PhotometricInterpretation", "CS", "RGB", "is RGB; expected MONOCHROME1"),
        ("VOILUTFunction", "CS", "DOE JANE", "is a term that is not known; expected LINEAR"),
        ("NumberOfFrames", "IS", "19991231", "is beyond 65535; expected 1."),
        ("Rows", "IS", "19991231", "is beyond 65535; expected 32 to 65535."),
        ("BitsStored", "DS", "19991231.5", "is a fraction; expected a whole number."),
    ],
)
def test_only_terms_and_small_numbers_are_repeated(
    reason: Callable[..., str], keyword: str, vr: str, value: str, words: str
) -> None:
    data_set = radiograph()
    data_set[keyword] = DataElement(tag_for_keyword(keyword) or 0, vr, value)
    told = reason(data_set)
    assert words in told
    assert not re.search("DOE|JANE|1999", told)


def test_an_unknown_transfer_syntax_is_not_repeated(reason: Callable[..., str]) -> None:
    data_set = radiograph()
    content = file_bytes(data_set).replace(uid.ExplicitVRLittleEndian.encode() + b"\0", b"1.2.840.19991231.04\0")
    told = reason(content)
    assert "TransferSyntaxUID) is a UID that is not known; expected" in told
    assert "1999" not in told


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
