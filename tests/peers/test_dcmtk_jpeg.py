"""12-bit JPEG Extended beside DCMTK's decoder, which most archives use."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.data import get_testdata_file

from worker.image_pixel import check_image_pixel
from worker.limits import Limits
from worker.pixels import decode
from worker.stored_object import open_stored_object


def beside_dcmtk(dcmdjpeg: str, path: Path, folder: Path) -> np.ndarray:
    """How far each stored value is from DCMTK's, in grey levels."""
    decoded = folder / "decoded.dcm"
    subprocess.run([dcmdjpeg, str(path), str(decoded)], check=True, capture_output=True, timeout=60)
    data_set = open_stored_object(path, Limits())
    pixels = decode(data_set, check_image_pixel(data_set, Limits()))
    theirs = dcmread(decoded)
    # Not `pixel_array`: where lossy coding overshot it would cut off the bits beyond those stored, and white be black.
    words = np.frombuffer(theirs.PixelData, "<u2").reshape(theirs.Rows, theirs.Columns).astype(np.int64)
    return np.abs(pixels.values[pixels.words] - np.minimum(words, 2**theirs.BitsStored - 1))


def test_rg3_is_within_two_grey_levels_of_dcmtk(
    program: Callable[[str], str], shared_data: Path, tmp_path: Path
) -> None:
    difference = beside_dcmtk(program("dcmdjpeg"), shared_data / "dicom" / "RG3_JPLY.dcm", tmp_path)
    assert difference.shape == (1760, 1760)
    assert difference.max() <= 2


def test_a_secondary_capture_is_within_two_grey_levels_of_dcmtk(program: Callable[[str], str], tmp_path: Path) -> None:
    path = get_testdata_file("JPGExtended.dcm", download=False)
    assert isinstance(path, str)
    assert beside_dcmtk(program("dcmdjpeg"), Path(path), tmp_path).max() <= 2
