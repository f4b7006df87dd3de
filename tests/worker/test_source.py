"""What a result takes over from the stored object: whether its pixels have lost anything."""

from pathlib import Path

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import HTJ2K, JPEG2000, UID, ExplicitVRLittleEndian, JPEGBaseline8Bit, JPEGLSNearLossless, RLELossless

from tests.objects import as_file, hand_radiograph
from worker.deliver.source import source_header
from worker.limits import Limits

# Transfer syntax, LossyImageCompression (0028,2110) of the source, and what is true.
LOSSES = [
    (ExplicitVRLittleEndian, None, "00"),
    (ExplicitVRLittleEndian, "00", "00"),
    (ExplicitVRLittleEndian, "01", "01"),  # it was decompressed on its way
    (RLELossless, None, "00"),
    (JPEGBaseline8Bit, None, "01"),
    (JPEGBaseline8Bit, "00", "01"),
    (JPEGLSNearLossless, None, "01"),
    (JPEG2000, None, "01"),
    (JPEG2000, "00", "00"),  # reversible, which that syntax may be
    (HTJ2K, "01", "01"),
]


@pytest.mark.parametrize(("syntax", "said", "expected"), LOSSES)
def test_what_was_lossy_once_stays_so(tmp_path: Path, syntax: UID, said: str | None, expected: str) -> None:
    sent = hand_radiograph()
    if said is not None:
        sent.LossyImageCompression = said
    sent.file_meta.TransferSyntaxUID = syntax
    if syntax.is_compressed:
        sent["PixelData"].VR = "OB"
        sent.PixelData = encapsulate([b"\xff\xd8"])
        sent["PixelData"].is_undefined_length = True
    header = source_header(as_file(sent, tmp_path / "sent.dcm"), Limits())
    assert header.LossyImageCompression == expected
