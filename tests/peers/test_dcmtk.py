"""DCMTK's echoscu and storescu against the listener, in several transfer syntaxes."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from tests.dicom_listener.conftest import Running, registered
from tests.objects import as_file, hand_radiograph

# The option by which storescu proposes the file's transfer syntax.
IMAGES = {
    "RG3_UNC.dcm": [],
    "RG3_JPLY.dcm": ["--propose-jpeg12"],
    "RG3_JPLL.dcm": ["--propose-lossless"],
    "RG3_JLSL.dcm": ["--propose-jls-lossless"],
    "RG3_J2KR.dcm": ["--propose-j2k-lossless"],
    "RG3_J2KI.dcm": ["--propose-j2k-lossy"],
    "RG3_RLE.dcm": ["--propose-rle"],
}


def run(binary: str, listener: Running, *arguments: str | Path) -> None:
    command = [binary, *arguments[:-1], "-aec", "CARPUS", "127.0.0.1", str(listener.port), arguments[-1]]
    ended = subprocess.run(
        [part for part in command if part != ""], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_echoscu_is_answered(listener: Running, program: Callable[[str], str]) -> None:
    run(program("echoscu"), listener, "")


def test_storescu_stores_an_uncompressed_object(
    listener: Running, program: Callable[[str], str], tmp_path: Path
) -> None:
    sent = hand_radiograph()
    run(program("storescu"), listener, as_file(sent, tmp_path / "sent.dcm"))
    (row,) = registered(1)
    assert row.sop_instance_uid == sent.SOPInstanceUID


@pytest.mark.parametrize("name", IMAGES)
def test_storescu_stores_a_real_object_in_its_transfer_syntax(
    listener: Running, program: Callable[[str], str], shared_data: Path, name: str
) -> None:
    file = shared_data / "dicom" / name
    run(program("storescu"), listener, *IMAGES[name], file)
    (row,) = registered(1)
    stored, sent = dcmread(listener.store / row.object_path), dcmread(file)
    assert row.transfer_syntax_uid == sent.file_meta.TransferSyntaxUID
    assert pixels(stored) == pixels(sent)


def pixels(image: Dataset) -> bytes:
    """Return the pixels as they are encoded; storescu puts their fragments into items of its own."""
    if not image.file_meta.TransferSyntaxUID.is_compressed:
        return bytes(image.PixelData)
    return next(generate_frames(image.PixelData, number_of_frames=1))
