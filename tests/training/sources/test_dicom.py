"""Folders of DICOM files with labels: found by name or UID, read as the worker does, patients told apart."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from db.vocabulary import Sex
from tests.objects import as_file, hand_radiograph
from training.cases import DataError
from training.sources import dicom
from worker.read import read

BY_FILE = "file,sex,bone_age_months\n"
BY_UID = "sop_instance_uid,sex,bone_age_months\n"


def folder_of(folder: Path, table: str, **data_sets: Dataset) -> Path:
    for name, data_set in data_sets.items():
        as_file(data_set, folder / f"{name}.dcm")
    (folder / "labels.csv").write_text(table, encoding="utf-8")
    return folder


def test_files_are_found_by_name_and_read_as_by_the_worker(tmp_path: Path) -> None:
    inverted = hand_radiograph(PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    folder_of(tmp_path, BY_FILE + "a.dcm,F,120\nb.dcm,M,60.5\n", a=hand_radiograph(), b=inverted)
    first, second = dicom.open_folder(tmp_path).cases
    assert [(case.name, case.sex, case.bone_age_months) for case in (first, second)] == [
        ("a.dcm", Sex.FEMALE, 120),
        ("b.dcm", Sex.MALE, 60.5),
    ]
    pictures = [case.picture.standard_radiograph() for case in (first, second)]
    assert (pictures[0] == read(tmp_path / "a.dcm")).all()
    assert pictures[0].astype(int) + pictures[1] == pytest.approx(np.full((48, 32), 65535), abs=32)


def test_files_are_found_by_uid_whatever_else_lies_there(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("not DICOM")
    (tmp_path / "empty").touch()
    table = BY_UID + "1.2.3,F,120\n"
    folder_of(tmp_path, table, a=hand_radiograph(SOPInstanceUID="1.2.3"), b=hand_radiograph(SOPInstanceUID="1.2.4"))
    (case,) = dicom.open_folder(tmp_path).cases
    assert (case.name, case.picture.path) == ("1.2.3", tmp_path / "a.dcm")


def test_a_patient_is_known_by_id_and_issuer_unless_the_table_says_who(tmp_path: Path) -> None:
    folder_of(
        tmp_path,
        "file,sex,bone_age_months\na.dcm,F,1\nb.dcm,F,2\nc.dcm,F,3\nd.dcm,F,4\n",
        a=hand_radiograph(),
        b=hand_radiograph(),
        c=hand_radiograph(IssuerOfPatientID="another hospital"),
        d=hand_radiograph(PatientID=""),
    )
    first, second, *others = (case.patient for case in dicom.open_folder(tmp_path).cases)
    assert first == second
    assert len({first, *others}) == 3  # the fourth has none but its name
    (tmp_path / "said").mkdir()
    table = "file,sex,bone_age_months,patient_id\na.dcm,F,1,P2\nb.dcm,F,2,P3\n"
    folder_of(tmp_path / "said", table, a=hand_radiograph(), b=hand_radiograph())
    assert len({case.patient for case in dicom.open_folder(tmp_path / "said").cases}) == 2
    assert "P1" not in first


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    rows = "1.2.3,X,400\n1.2.4,F,60\n1.2.5,F,60\n1.2.6,M,60\n"
    constant = hand_radiograph(SOPInstanceUID="1.2.6", PixelData=bytes(48 * 32 * 2))
    folder_of(
        tmp_path,
        BY_UID + rows,
        a=hand_radiograph(SOPInstanceUID="1.2.3"),
        b=hand_radiograph(SOPInstanceUID="1.2.5"),
        c=hand_radiograph(SOPInstanceUID="1.2.5"),
        d=constant,
    )
    with pytest.raises(DataError) as told:
        dicom.open_folder(tmp_path)
    *of_table, of_picture = str(told.value).replace(f"{tmp_path}/labels.csv: ", "").splitlines()
    assert of_table == [
        "line 2: sex 'X', expected M or F",
        "line 2: bone_age_months '400', expected 0 to 240",
        "line 3: there is no file 1.2.4",
        "line 4: there are 2 files 1.2.5, expected 1",
    ]
    assert of_picture.startswith("1.2.6: ")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, BY_FILE + "a.dcm,F,60\n")
    (tmp_path / "a.dcm").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match=r"line 2: a\.dcm cannot be read as DICOM"):
        dicom.open_folder(tmp_path)


def test_real_files_are_read(tmp_path: Path, shared_data: Path) -> None:
    for name in ("RG3_UNC.dcm", "RG3_JPLL.dcm"):
        (tmp_path / name).symlink_to(shared_data / "dicom" / name)
    folder_of(tmp_path, BY_FILE + "RG3_UNC.dcm,M,216\nRG3_JPLL.dcm,M,216\n")
    plain, encoded = dicom.open_folder(tmp_path).cases
    assert plain.patient == encoded.patient
    assert (plain.picture.standard_radiograph() == encoded.picture.standard_radiograph()).all()
