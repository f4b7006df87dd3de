"""Folders of PNGs with labels: each known layout is read, and all that is wrong is told at once."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from db.vocabulary import Sex
from training import cache
from training.cases import DataError
from training.sources import rsna
from training.sources.png import PngFile
from worker.preprocess import Preprocessing

GRADIENT = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * 32
OURS = "file,sex,bone_age_months\n"


def write(path: Path, picture: np.ndarray = GRADIENT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def labelled(folder: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding=encoding)


def refused(folder: Path) -> list[str]:
    with pytest.raises(DataError) as told:
        rsna.open_folder(folder)
    return str(told.value).replace(f"{folder}/", "").splitlines()


@pytest.mark.parametrize(
    ("table", "pictures"),
    [
        ("id,boneage,male\n1377,180,False\n4360,12,True\n", "boneage-training-dataset/boneage-training-dataset"),
        ("Image ID,male,Bone Age (months)\n1377,FALSE,180\n4360,TRUE,12\n", "boneage-validation-dataset-1"),
        ("Case ID,Sex,Ground truth bone age (months)\n1377,F,180.0\n4360,M,12\n", "Test Set Images"),
        ("file,sex,bone_age_months,rsna_id\n1377.png,F,180,1\n4360.png,M,12,2\n", ""),
    ],
)
def test_each_set_is_read_as_downloaded(tmp_path: Path, table: str, pictures: str) -> None:
    labelled(tmp_path, table)
    for name in ("1377", "4360", "9999"):
        write(tmp_path / pictures / f"{name}.png")
    cases = rsna.open_folder(tmp_path).cases
    assert [case.name.removesuffix(".png") for case in cases] == ["1377", "4360"]
    assert [(case.sex, case.bone_age_months) for case in cases] == [(Sex.FEMALE, 180), (Sex.MALE, 12)]
    assert [case.chronological_age_months for case in cases] == [None, None]
    assert cases[0].patient != cases[1].patient
    assert (cases[0].picture.standard_radiograph() == GRADIENT).all()


def test_the_whole_download_is_read_set_by_set(tmp_path: Path) -> None:
    labelled(tmp_path / "Bone Age Training Set", "id,boneage,male\n1,180,False\n", "boneage-training-dataset.csv")
    write(tmp_path / "Bone Age Training Set" / "boneage-training-dataset" / "1.png")
    labelled(tmp_path / "Validation", "Image ID,male,Bone Age (months)\n2,True,60\n", "Validation Dataset.csv")
    write(tmp_path / "Validation" / "boneage-validation-dataset-2" / "2.png")
    labelled(tmp_path / "Test", "Case ID,Sex\n3,M\n", "boneage-test-dataset.csv")  # without bone ages
    write(tmp_path / "Test" / "3.png")
    assert [case.name for case in rsna.open_folder(tmp_path).cases] == ["Bone Age Training Set/1", "Validation/2"]


def test_pictures_of_one_name_in_two_folders_are_two_patients(tmp_path: Path) -> None:
    for folder in ("north", "south"):
        labelled(tmp_path / folder, OURS + "1.png,F,60\n")
        write(tmp_path / folder / "1.png")
    first, second = rsna.open_folder(tmp_path).cases
    assert first.patient != second.patient


def test_patient_and_chronological_age_are_taken_where_the_table_has_them(tmp_path: Path) -> None:
    header = "file,sex,bone_age_months,patient_id,chronological_age_months\n"
    labelled(tmp_path, header + "a.png,F,180,Jane,171.5\nb.png,F,190,Jane,\nc.png,M,60,Jim,60\n")
    for name in "abc":
        write(tmp_path / f"{name}.png")
    first, second, third = rsna.open_folder(tmp_path).cases
    assert first.patient == second.patient != third.patient
    assert "Jane" not in first.patient
    assert [case.chronological_age_months for case in (first, second, third)] == [171.5, None, 60]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    labelled(
        tmp_path,
        "id,boneage,male\n1,-3,True\n2,400,True\n3,60,X\n4,60,True\n5,60,True\n4,60,False\n6,60,True\n7,60\n",
        "boneage-training-dataset.csv",
    )
    for name in "123467":
        write(tmp_path / "pictures" / f"{name}.png")
    write(tmp_path / "others" / "6.png")
    damaged = tmp_path / "pictures" / "4.png"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    assert refused(tmp_path) == [
        "boneage-training-dataset.csv: line 2: boneage '-3', expected 0 to 240",
        "boneage-training-dataset.csv: line 3: boneage '400', expected 0 to 240",
        "boneage-training-dataset.csv: line 4: male 'X', expected True or False",
        "boneage-training-dataset.csv: line 6: there is no file 5.png",
        "boneage-training-dataset.csv: line 7: id 4 stands in line 5 already",
        "boneage-training-dataset.csv: line 8: there are 2 files 6.png, expected 1",
        "boneage-training-dataset.csv: line 9: not as many values as there are columns",
        "4: cannot be read as PNG: it is damaged, cut off or something else",
    ]


def test_where_only_pictures_are_wrong_the_cache_tells_them_all(tmp_path: Path) -> None:
    labelled(tmp_path, OURS + "".join(f"{name}.png,F,60\n" for name in "abcde"))
    write(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no picture")
    write(tmp_path / "c.png", np.full((40, 50), 7, np.uint8))
    write(tmp_path / "d.png", GRADIENT[:31])
    write(tmp_path / "e.png", np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))
    cases = rsna.open_folder(tmp_path).cases
    with pytest.raises(DataError) as told:
        cache.images(cases, Preprocessing(rows=32, columns=32), tmp_path / "cache", processes=1)
    assert str(told.value).splitlines() == [
        "b.png: cannot be read as PNG: it is damaged, cut off or something else",
        "c.png: all pixels have the same value, which is no radiograph",
        "d.png: 50 × 31 px are too few for a radiograph",
        "e.png: expected a grey picture of 8 or 16 bit",
    ]


def test_of_very_many_problems_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    labelled(tmp_path, OURS + "".join(f"{number}.png,F,60\n" for number in range(1520)))
    told = refused(tmp_path)
    assert len(told) == 21
    assert told[-1] == "and 1,500 more"


def test_a_radiograph_in_two_tables_is_told(tmp_path: Path) -> None:
    write(tmp_path / "1.png")
    labelled(tmp_path, "id,boneage,male\n1,60,True\n", "a.csv")
    labelled(tmp_path, OURS + "1.png,M,72\n", "b.csv")
    assert refused(tmp_path) == [f"b.csv: 1.png stands in {tmp_path}/a.csv already, as 1".replace(f"{tmp_path}/", "")]


def test_a_radiograph_that_one_table_names_twice_is_told(tmp_path: Path) -> None:
    write(tmp_path / "1.png")
    labelled(tmp_path, OURS + "1.png,M,72\n./1.png,F,30\n")
    assert refused(tmp_path)[0].endswith("labels.csv already, as ./1.png")


def test_a_patient_without_an_id_among_others_is_told(tmp_path: Path) -> None:
    write(tmp_path / "1.png")
    write(tmp_path / "2.png")
    labelled(tmp_path, "file,sex,bone_age_months,patient_id\n1.png,M,72,A\n2.png,M,72,\n")
    assert refused(tmp_path) == ["labels.csv: line 3: patient_id is empty, expected one in each row or no such column"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "expected a CSV of labels in it with the columns id, male, boneage or Image ID"),
        ("", "labels.csv has none"),
        ("id,sex\n1,F\n", "labels.csv has id, sex"),
        (OURS, "no radiograph stands in the labels"),
    ],
)
def test_a_folder_without_labels_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        labelled(tmp_path, text)
    with pytest.raises(DataError, match=words):
        rsna.open_folder(tmp_path)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        rsna.open_folder(tmp_path / "nowhere")


def test_a_table_of_a_spreadsheet_with_links_to_pictures_elsewhere_is_read(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "set", tmp_path / "disk"
    write(elsewhere / "1.png")
    labelled(folder, 'id,boneage,male\r\n"1", 60 ,True\r\n\r\n', encoding="utf-8-sig")
    (folder / "pictures").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    (elsewhere / "._1.png").write_bytes(b"what macOS adds")
    (case,) = rsna.open_folder(folder).cases
    assert (case.picture.standard_radiograph() == GRADIENT).all()


def test_eight_bits_become_sixteen_and_a_long_side_1024_px(tmp_path: Path) -> None:
    grey = np.tile(np.repeat(np.array([0, 255], np.uint8), 512), (2048, 2))
    write(tmp_path / "grey.png", grey)
    write(tmp_path / "colour.png", np.repeat(grey[..., np.newaxis], 3, axis=2))
    for name in ("grey", "colour"):
        read = PngFile.at(tmp_path / f"{name}.png").standard_radiograph()
        assert (read.dtype, read.shape) == (np.uint16, (1024, 1024))
        assert read[0, [0, 255, 256, 511, 512]].tolist() == [0, 0, 65535, 65535, 0]


def test_a_file_that_changed_is_another_to_the_cache(tmp_path: Path) -> None:
    write(tmp_path / "1.png")
    before = PngFile.at(tmp_path / "1.png")
    write(tmp_path / "1.png", GRADIENT[::-1])
    assert repr(PngFile.at(tmp_path / "1.png")) != repr(before)


def test_the_real_set_is_read(shared_data: Path) -> None:
    cases = rsna.open_folder(shared_data / "hand_radiographs").cases
    assert len(cases) == 29
    assert (cases[0].name, cases[0].sex, cases[0].bone_age_months) == ("2550.png", Sex.FEMALE, 24)
    assert cases[0].picture.standard_radiograph().shape == (1024, 788)  # of 2080 × 1600
