"""12-bit JPEG Extended through the optional extra; DCMTK's own word on the same file is in tests/peers."""

import sys
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread, uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from tests.worker.pictures import PICTURE, compressed, radiograph
from worker.image_pixel import check_image_pixel
from worker.jpeg12 import decode_twelve_bits, one_scan
from worker.limits import Limits
from worker.pixels import decode
from worker.stored_object import open_stored_object

CODESTREAM = imagecodecs.jpeg_encode(PICTURE, bitspersample=12, level=100)
SCAN = b"\xff\xda\x00\x08\x01\x01\x00"  # the scan's header up to its spectral selection


def stored_values(path: Path) -> np.ndarray:
    data_set = open_stored_object(path, Limits())
    pixels = decode(data_set, check_image_pixel(data_set, Limits()))
    return pixels.values[pixels.words]


def test_rg3_is_within_two_grey_levels_of_another_decoder(shared_data: Path) -> None:
    path = shared_data / "dicom" / "RG3_JPLY.dcm"
    # libjpeg-turbo, which shares nothing with the decoder under test. 10 of 12 bits are stored; lossy white has more.
    other = imagecodecs.jpeg_decode(get_frame(dcmread(path).PixelData, 0, number_of_frames=1))
    assert other.shape == (1760, 1760)
    difference = np.abs(stored_values(path) - np.minimum(other.astype(np.int64), 1023))
    assert difference.max() <= 2


def test_rg3_differs_from_its_lossless_version_by_its_quantisation(shared_data: Path) -> None:
    lossy = stored_values(shared_data / "dicom" / "RG3_JPLY.dcm")
    lossless = stored_values(shared_data / "dicom" / "RG3_JPLL.dcm")
    # A block's mean is coded in steps of 19 / 8 of a level, and its finer detail in steps of 12 and more.
    difference = lossy - lossless
    assert np.abs(difference.reshape(220, 8, 220, 8).mean(axis=(1, 3))).max() < 19 / 8
    assert np.percentile(np.abs(difference), 99.9) <= 12
    assert np.abs(difference).mean() < 2


def test_twelve_bits_are_read(read_object: Callable[[Dataset], np.ndarray]) -> None:
    lossy = read_object(compressed(uid.JPEGExtended12Bit, CODESTREAM)).astype(int)
    assert np.abs(lossy - read_object(radiograph())).max() <= 2 * 65535 / 4095 + 1


def test_a_spectral_selection_of_nothing_is_taken_for_all(read_object: Callable[[Dataset], np.ndarray]) -> None:
    assert CODESTREAM.count(SCAN + b"\x00\x3f") == 1
    as_nema = CODESTREAM.replace(SCAN + b"\x00\x3f", SCAN + b"\x00\x00")
    assert (decode_twelve_bits(as_nema) == decode_twelve_bits(CODESTREAM)).all()


def test_without_the_extra_the_reason_names_it(reason: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("libjpeg", "libjpeg.utils"):
        monkeypatch.setitem(sys.modules, name, None)
    words = reason(compressed(uid.JPEGExtended12Bit, CODESTREAM))
    assert "PixelData) is 12-bit JPEG Extended, which needs an extra that is not installed here" in words
    assert "`pip install carpus[jpeg12]`" in words
    assert "JPEG lossless, JPEG-LS or JPEG 2000" in words


def test_other_depths_have_no_decoder(reason: Callable[..., str]) -> None:
    frame = CODESTREAM.index(b"\xff\xc1\x00\x0b\x0c")
    ten_bits = CODESTREAM[: frame + 4] + b"\x0a" + CODESTREAM[frame + 5 :]
    assert "1.2.840.10008.1.2.4.51 JPEG Extended (Process 2 and 4) with 10 bits" in reason(
        compressed(uid.JPEGExtended12Bit, ten_bits)
    )


def test_a_second_height_after_the_checked_one_never_reaches_the_decoder(reason: Callable[..., str]) -> None:
    frame = CODESTREAM.index(b"\xff\xc1\x00\x0b\x0c")
    header = CODESTREAM[frame : frame + 13]
    endless = header[:5] + b"\x00\x00" + header[7:]  # a height of 0: it comes later, and libjpeg looked for it for ever
    assert "cannot be decoded" in reason(
        compressed(uid.JPEGExtended12Bit, CODESTREAM[: frame + 13] + endless + CODESTREAM[frame + 13 :])
    )
    height_later = CODESTREAM[:-2] + b"\xff\xdc\x00\x04\xff\xff" + CODESTREAM[-2:]
    assert "cannot be decoded" in reason(compressed(uid.JPEGExtended12Bit, height_later))


def test_segments_of_applications_are_left_out() -> None:
    boxes = b"\xff\xeb\x00\x06JPXT"  # as of JPEG XT, which libjpeg knows and DICOM does not
    assert boxes not in one_scan(CODESTREAM[:2] + boxes + CODESTREAM[2:])
    assert one_scan(CODESTREAM[:2] + boxes + CODESTREAM[2:]) == one_scan(CODESTREAM)
