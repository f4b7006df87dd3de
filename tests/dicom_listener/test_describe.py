from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from db.bounded import Bounds
from db.errors import RejectedRadiographError
from db.vocabulary import AgeSource, Laterality, Sex, ViewPosition
from dicom_listener.describe import (
    check_identity,
    chronological_age,
    describe,
    laterality,
    patient_orientation,
    patient_sex,
    view_position,
)
from dicom_listener.header import coded, read_header, text, texts
from tests import bombs
from tests.objects import as_file, file_bytes, hand_radiograph

DATES = ("AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate")


@pytest.mark.parametrize(
    ("born", "taken", "months"),
    [
        ("20120229", "20200229", 96.0),  # 2,922 days of 30.4375
        ("20120229", "20130228", 365 / 30.4375),
        ("20120229", "20130301", 366 / 30.4375),
        ("20200101", "20200101", 0.0),
        ("2012.02.29", "20200229", 96.0),
    ],
)
def test_age_is_days_between_birth_and_acquisition(born: str, taken: str, months: float) -> None:
    header = hand_radiograph(PatientBirthDate=born, AcquisitionDate=taken)
    assert chronological_age(header) == (pytest.approx(months, abs=1e-9), AgeSource.BIRTH_DATE, 0.0)


@pytest.mark.parametrize(("position", "keyword"), list(enumerate(DATES)))
def test_the_most_exact_valid_image_date_counts(position: int, keyword: str) -> None:
    dates = dict.fromkeys(DATES[:position], "20240231") | {keyword: "20200229"}
    header = hand_radiograph(**dates, PatientBirthDate="20120229")
    assert chronological_age(header) == (96.0, AgeSource.BIRTH_DATE, 0.0)


@pytest.mark.parametrize("born", ["20240302", "", "unknown", "00000000", "18900101"])
def test_an_impossible_birth_date_gives_no_age(born: str) -> None:
    assert chronological_age(hand_radiograph(PatientBirthDate=born)) == (None, None, None)


@pytest.mark.parametrize(
    ("stated", "months", "span_months"),
    [
        ("002Y", 24.0, 12.0),
        ("18M", 18.0, 1.0),
        ("030D", 30 / 30.4375, 1 / 30.4375),
        ("008W", 56 / 30.4375, 7 / 30.4375),
        ("130Y", 1560.0, 12.0),
    ],
)
def test_the_stated_age_is_used_where_the_birth_date_is_missing(stated: str, months: float, span_months: float) -> None:
    header = hand_radiograph(PatientBirthDate=None, PatientAge=stated)
    assert chronological_age(header) == (pytest.approx(months), AgeSource.PATIENT_AGE, pytest.approx(span_months))


@pytest.mark.parametrize("stated", ["131Y", "2", "Y002", "-02Y", ""])
def test_a_stated_age_that_is_none_gives_no_age(stated: str) -> None:
    assert chronological_age(hand_radiograph(PatientBirthDate="", PatientAge=stated)) == (None, None, None)


@pytest.mark.parametrize(
    ("element", "sex"),
    [("M", Sex.MALE), ("f ", Sex.FEMALE), ("O", Sex.OTHER), ("", Sex.MISSING), ("U", Sex.MISSING), ("W", Sex.MISSING)],
)
def test_sex_is_never_guessed(element: str, sex: Sex) -> None:
    assert patient_sex(hand_radiograph(PatientSex=element)) is sex


def test_a_missing_sex_is_missing() -> None:
    assert patient_sex(hand_radiograph(PatientSex=None)) is Sex.MISSING


@pytest.mark.parametrize(
    ("of_image", "of_series", "kept"),
    [
        ("L", None, Laterality.LEFT),
        ("r", None, Laterality.RIGHT),
        ("R", "L", Laterality.RIGHT),
        (None, "L", Laterality.LEFT),
        ("", "R", Laterality.RIGHT),
        ("DOE", "R", Laterality.RIGHT),
        ("B", "L", None),
        ("U", "L", None),
        (None, "B", None),
        (None, None, None),
        ("L\\R", None, None),
    ],
)
def test_the_image_says_which_hand_it_is_before_the_series(
    of_image: str | None, of_series: str | None, kept: Laterality | None
) -> None:
    header = hand_radiograph(ImageLaterality=of_image)
    if of_series is not None:
        header.Laterality = of_series
    assert laterality(header) is kept
    assert describe(header, "local").laterality is kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (["L", "H"], "L\\H"),
        (["LA", "HPR"], "LA\\HPR"),
        ("L", None),
        (["L", "H", "A"], None),
        (["L", "X"], None),
        (["L", ""], None),
        (["l", "h"], None),
        (["LAHP", "H"], None),
        (["DOE", "JANE"], None),
        ("", None),
    ],
)
def test_an_orientation_is_kept_where_it_is_two_directions(sent: str | list[str], kept: str | None) -> None:
    assert patient_orientation(hand_radiograph(PatientOrientation=sent)) == kept


@pytest.mark.parametrize(
    ("position", "code", "kept"),
    [
        ("PA", None, ViewPosition.PA),
        ("ap", None, ViewPosition.AP),
        ("AP", "272479007", ViewPosition.AP),
        ("DOE", "272479007", None),
        (None, "399348003", ViewPosition.AP),
        (None, "272479007", ViewPosition.PA),
        (None, "399067008", None),  # lateral
        (None, None, None),
    ],
)
def test_the_view_is_that_of_its_element_or_of_its_code(
    position: str | None, code: str | None, kept: ViewPosition | None
) -> None:
    header = hand_radiograph(ViewPosition=position)
    if code is not None:
        header.ViewCodeSequence = [Dataset()]
        header.ViewCodeSequence[0].CodeValue, header.ViewCodeSequence[0].CodingSchemeDesignator = code, "SCT"
        header.ViewCodeSequence[0].CodeMeaning = "a view"
    assert view_position(header) is kept


def test_the_site_issues_the_patient_id_where_the_object_names_no_issuer() -> None:
    assert describe(hand_radiograph(), "ward 7").patient_id_issuer == "ward 7"
    assert describe(hand_radiograph(IssuerOfPatientID="Clinic"), "ward 7").patient_id_issuer == "Clinic"


def test_values_that_cannot_be_kept_are_left_out() -> None:
    header = hand_radiograph(PatientID="x" * 65, StudyInstanceUID="../1", AccessionNumber="A\0B", Modality=None)
    described = describe(header, "local")
    assert (described.patient_id, described.study_instance_uid, described.modality) == (None, None, None)
    assert described.accession_number == "AB"


@pytest.mark.parametrize(("sent", "kept"), [("DX", "DX"), ("cr", "CR"), ("OT", "OT"), ("DOE JANE", None), ("", None)])
def test_a_modality_is_kept_where_it_is_a_term_of_the_standard(sent: str, kept: str | None) -> None:
    assert describe(hand_radiograph(Modality=sent), "local").modality == kept


def test_an_element_with_a_bad_value_counts_as_absent(tmp_path: Path) -> None:
    good = file_bytes(hand_radiograph())
    bad = good.replace(b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x10\x00UL\x02\x00")  # a UL has four bytes
    assert bad != good
    (tmp_path / "bad.dcm").write_bytes(bad)
    header = dcmread(tmp_path / "bad.dcm", stop_before_pixels=True)
    assert texts(header, "Rows") == []
    assert describe(header, "local").accession_number == "A1"


def test_another_object_than_the_command_announced_is_rejected() -> None:
    header = hand_radiograph(SOPInstanceUID="1.2.3")
    check_identity(header, str(header.SOPClassUID), "1.2.3")
    with pytest.raises(RejectedRadiographError, match=r"SOPInstanceUID \(0008,0018\) .* another than .* 1.2.4;"):
        check_identity(header, str(header.SOPClassUID), "1.2.4")
    with pytest.raises(RejectedRadiographError, match=r"SOPClassUID \(0008,0016\)"):
        check_identity(header, "1.2.840.10008.5.1.4.1.1.1", "1.2.3")
    with pytest.raises(RejectedRadiographError, match="is missing"):
        check_identity(Dataset(), str(header.SOPClassUID), "1.2.3")


def test_what_stands_for_a_uid_and_is_none_is_not_quoted(tmp_path: Path) -> None:
    uid = "1.2.345678901"
    path = as_file(hand_radiograph(SOPInstanceUID=uid), tmp_path / "hand.dcm")
    path.write_bytes(path.read_bytes().replace(uid.encode(), b"DOE^JANE 1999"))
    header = dcmread(path, stop_before_pixels=True)
    with pytest.raises(RejectedRadiographError, match="of the data set is another than the C-STORE") as raised:
        check_identity(header, str(header.SOPClassUID), uid)
    assert "DOE" not in str(raised.value)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_a_header_is_read_without_its_pixels(tmp_path: Path, syntax: str) -> None:
    data_set = hand_radiograph()
    data_set.file_meta.TransferSyntaxUID = syntax
    path = as_file(data_set, tmp_path / "hand.dcm")
    header = read_header(path, dcmread(path).file_meta, Bounds())
    assert text(header, "PatientID") == "P1"
    assert "PixelData" not in header


def test_a_data_set_that_cannot_be_parsed_is_rejected(tmp_path: Path) -> None:
    data_set = hand_radiograph()
    data_set.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = as_file(data_set, tmp_path / "nonsense.dcm")
    meta = read_file_meta_info(path)
    path.write_bytes(path.read_bytes()[: 144 + meta.FileMetaInformationGroupLength] + b"\xff" * 400)
    with pytest.raises(RejectedRadiographError, match="cannot be parsed as Deflated Explicit VR Little Endian"):
        read_header(path, meta, Bounds())


def header_of(data_set: bytes, folder: Path) -> Dataset:
    """What the listener reads of an object's bytes."""
    path = as_file(hand_radiograph(), folder / "hand.dcm")
    meta = read_file_meta_info(path)
    path.write_bytes(path.read_bytes()[: 144 + meta.FileMetaInformationGroupLength] + data_set)
    return read_header(path, meta, Bounds())


def test_a_data_set_that_ends_within_a_sequence_is_rejected_and_not_taken_for_a_failing_disk(tmp_path: Path) -> None:
    with pytest.raises(RejectedRadiographError, match=r"cannot be parsed as Explicit VR Little Endian \(OSError\)"):
        header_of(bombs.nested_without_end(3), tmp_path)


def test_a_disk_that_fails_is_not_taken_for_a_fault_of_the_object(tmp_path: Path) -> None:
    meta = read_file_meta_info(as_file(hand_radiograph(), tmp_path / "hand.dcm"))
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "missing.dcm", meta, Bounds())


def test_a_sequence_in_the_place_of_a_text_counts_as_absent(tmp_path: Path) -> None:
    item = bombs.element(0x4E45, 0x4154, b"TI", b"")  # of a VR that there is not, so that it has no words
    in_sequence = b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item
    header = header_of(bombs.element(0x0018, 0x0015, b"SQ", in_sequence), tmp_path)
    assert text(header, "BodyPartExamined") == ""


def test_values_beyond_all_measure_count_as_absent_and_are_not_read(tmp_path: Path) -> None:
    header = header_of(
        bombs.element(0x0008, 0x1032, b"UN", bytes(70_000)) + bombs.element(0x0010, 0x0020, b"UN", b"P" * 70_000),
        tmp_path,
    )
    (tmp_path / "hand.dcm").unlink()
    assert (text(header, "PatientID", longest=80_000), coded(header, "ProcedureCodeSequence")) == ("", [])


@pytest.mark.parametrize("bomb", ["200,000 elements", "nested 1,000 deep", "nested 20 deep"])
def test_a_header_beyond_the_bounds_is_rejected(bomb: str, tmp_path: Path) -> None:
    with pytest.raises(RejectedRadiographError, match=r"CARPUS_MAX_(ELEMENTS|NESTING)"):
        header_of(bombs.DATA_SETS[bomb](), tmp_path)
