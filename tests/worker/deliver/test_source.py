"""What is taken over from the object that was assessed, and what is not believed."""

from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSNearLossless,
    RLELossless,
)

from db.errors import RejectedRadiographError
from tests.objects import as_file, hand_radiograph
from tests.planted import Garden
from worker.deliver.archive import silence_libraries
from worker.deliver.source import NoStudyError, source_header
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


def header(data_set: Dataset, folder: Path) -> Dataset:
    return source_header(as_file(data_set, folder / "source.dcm"), Limits())


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_it_is_the_same_in_every_encoding(tmp_path: Path, syntax: str) -> None:
    sent = hand_radiograph(StudyID="7", SpecificCharacterSet="ISO_IR 100", PatientName="Zoë")
    plain = header(sent, tmp_path)
    sent.file_meta.TransferSyntaxUID = syntax
    sent.PixelData = bytes(len(sent.PixelData))
    sent.set_original_encoding(None, None)
    assert {element.keyword: element.value for element in header(sent, tmp_path)} == {
        element.keyword: element.value for element in plain
    }
    assert plain.PatientName == "Zoë"


def test_what_must_be_there_is_there_if_only_empty(tmp_path: Path) -> None:
    missing = dict.fromkeys(("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyDate"))
    found = header(hand_radiograph(**missing), tmp_path)
    for keyword in (*missing, "StudyID", "ReferringPhysicianName"):
        assert str(found[keyword].value or "") == ""


def test_nothing_else_is_taken_over(tmp_path: Path) -> None:
    found = header(hand_radiograph(OtherPatientNames="A^B", PatientComments="secret"), tmp_path)
    assert "OtherPatientNames" not in found
    assert "PatientComments" not in found
    assert "PixelData" not in found


@pytest.mark.parametrize("uid", [None, "", "abc", "1.2.3 4"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_without_a_study_there_is_nothing_to_be_filed_in(tmp_path: Path, uid: str | None) -> None:
    with pytest.raises(NoStudyError, match=r"Study Instance UID \(0020,000D\)"):
        header(hand_radiograph(StudyInstanceUID=uid), tmp_path)


def test_a_missing_series_gets_one_that_can_be_named(tmp_path: Path) -> None:
    sent = hand_radiograph(SeriesInstanceUID=None)
    assert header(sent, tmp_path).SeriesInstanceUID == header(sent, tmp_path).SeriesInstanceUID != ""


@pytest.mark.parametrize(("sent", "kept"), [("F", "F"), ("O", "O"), ("", ""), ("X", "")])
def test_a_sex_that_the_standard_does_not_have_is_left_empty(tmp_path: Path, sent: str, kept: str) -> None:
    assert header(hand_radiograph(PatientSex=sent), tmp_path).PatientSex == kept


def test_a_file_that_is_no_dicom_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "source.dcm").write_bytes(b"nonsense")
    with pytest.raises(RejectedRadiographError, match="not a readable DICOM file"):
        source_header(tmp_path / "source.dcm", Limits())


def test_text_in_every_element_harms_nobody(tmp_path: Path) -> None:
    silence_libraries()
    planted = Garden().radiograph(hand_radiograph().pixel_array, StudyInstanceUID=("UI", "2.25.1"))
    found = header(planted, tmp_path)
    assert found.StudyInstanceUID == "2.25.1"
    assert str(found.PatientName).startswith("PLNT")
    assert len(found) < 20


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
    assert header(sent, tmp_path).LossyImageCompression == expected
