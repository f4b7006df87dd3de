"""What is found to be sent: DICOM of any kind, labelled PNGs, and the rest by name."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from carpus.gather import gather
from carpus.outgoing import NotSendableError, Outgoing, Unsendable
from carpus.wrap import wrap

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)


def write_png(folder: Path, name: str, picture: np.ndarray = GREY) -> None:
    assert cv2.imwrite(str(folder / name), picture)


def test_a_folder_gives_its_dicom_files_at_any_depth_and_names_the_others(tmp_path: Path) -> None:
    deep = tmp_path / "b" / "c"
    deep.mkdir(parents=True)
    wrap(GREY, "1", "RSNA", "M").save_as(deep / "image.dcm")
    (tmp_path / "a.txt").write_text("no DICOM")
    (tmp_path / "empty").touch()
    text, found, empty = gather([tmp_path])
    assert text == Unsendable(f"{tmp_path.name}/a.txt", "not a DICOM file")
    assert empty == Unsendable(f"{tmp_path.name}/empty", "not a DICOM file")
    assert isinstance(found, Outgoing)
    assert found.load() == deep / "image.dcm"


def test_a_data_set_without_a_file_header_is_sent_in_its_own_syntax(tmp_path: Path) -> None:
    image = wrap(GREY, "1", "RSNA", "M")
    with (tmp_path / "bare").open("wb") as file:
        bare = image.copy()
        del bare.file_meta, bare.preamble
        bare.save_as(file, implicit_vr=True, little_endian=True, enforce_file_format=False)
    [found] = gather([tmp_path / "bare"])
    assert isinstance(found, Outgoing)
    assert (found.sop_class_uid, found.transfer_syntax_uid) == (image.SOPClassUID, ImplicitVRLittleEndian)


def test_a_compressed_file_needs_its_own_syntax(tmp_path: Path) -> None:
    image = wrap(GREY, "1", "RSNA", "M")
    image.compress(RLELossless, generate_instance_uid=False)
    image.save_as(tmp_path / "rle.dcm")
    [found] = gather([tmp_path / "rle.dcm"])
    assert isinstance(found, Outgoing)
    assert found.transfer_syntax_uid == RLELossless


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert list(gather([tmp_path / "gone"])) == [Unsendable(str(tmp_path / "gone"), "No such file or directory")]


def test_labelled_pictures_are_wrapped_with_their_sex_and_reference(tmp_path: Path) -> None:
    write_png(tmp_path, "1377.png")
    write_png(tmp_path, "deep.png", GREY.astype(np.uint16) * 5000)
    (tmp_path / "labels.csv").write_text("file,sex,bone_age_months\n1377.png,F,94\ndeep.png,,12.5\ngone.png,M,1\n")
    first, deep, gone = gather([tmp_path])
    assert isinstance(first, Outgoing)
    assert isinstance(deep, Outgoing)
    assert gone == Unsendable(f"{tmp_path.name}/gone.png", "no such file")
    image = first.load()
    assert not isinstance(image, Path)
    assert (image.PatientID, image.PatientSex, image.BitsStored) == ("1377", "F", 8)
    assert np.array_equal(image.pixel_array, GREY)
    assert first.reference is not None
    assert (first.reference.reader, first.reference.bone_age_months) == ("RSNA", 94)
    image = deep.load()
    assert not isinstance(image, Path)
    assert (image.PatientSex, image.BitsStored) == ("", 16)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_grey_picture_saved_with_opaque_colours_is_grey(tmp_path: Path, channels: int) -> None:
    picture = np.repeat(GREY[:, :, None], channels, axis=2)
    picture[:, :, 3:] = 255
    write_png(tmp_path, "grey.png", picture)
    (tmp_path / "labels.csv").write_text("file,sex,bone_age_months\ngrey.png,F,94\n")
    [found] = gather([tmp_path])
    assert isinstance(found, Outgoing)
    image = found.load()
    assert not isinstance(image, Path)
    assert np.array_equal(image.pixel_array, GREY)


def test_a_data_set_that_does_not_say_which_object_it_is_cannot_be_sent(tmp_path: Path) -> None:
    image = wrap(GREY, "1", "RSNA", "M")
    del image.SOPInstanceUID
    with (tmp_path / "bare").open("wb") as file:
        del image.file_meta, image.preamble
        image.save_as(file, implicit_vr=True, little_endian=True, enforce_file_format=False)
    expected = Unsendable(str(tmp_path / "bare"), "it lacks SOPInstanceUID (0008,0018)")
    assert list(gather([tmp_path / "bare"])) == [expected]


def test_a_colour_picture_and_an_unreadable_one_say_so_when_their_turn_comes(tmp_path: Path) -> None:
    write_png(tmp_path, "colour.png", np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    (tmp_path / "labels.csv").write_text("file,sex,bone_age_months\ncolour.png,F,94\nbroken.png,M,1\n")
    reasons = ("expected a grey picture of 8 or 16 bit", "cannot be read as PNG")
    for found, reason in zip(gather([tmp_path]), reasons, strict=True):
        assert isinstance(found, Outgoing)
        with pytest.raises(NotSendableError, match=reason):
            found.load()


@pytest.mark.parametrize("line", ["1377.png,F", "1377.png,F,ten"])
def test_a_label_that_cannot_be_read_names_its_line(tmp_path: Path, line: str) -> None:
    write_png(tmp_path, "1377.png")
    (tmp_path / "labels.csv").write_text(f"file,sex,bone_age_months\n1377.png,F,94\n{line}\n")
    with pytest.raises(NotSendableError, match="line 3: expected file, sex and bone_age_months"):
        list(gather([tmp_path]))


@pytest.mark.parametrize("content", [b"file,sex,bone_age_months\nk\xe9,F,94\n", b"file\n" + bytes(200_000)])
def test_labels_that_are_no_csv_in_utf_8_are_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(NotSendableError, match=r"labels\.csv: expected CSV in UTF-8 \("):
        list(gather([tmp_path]))


def test_an_unknown_sex_is_not_guessed(tmp_path: Path) -> None:
    write_png(tmp_path, "1377.png")
    (tmp_path / "labels.csv").write_text("file,sex,bone_age_months\n1377.png,male,94\n")
    [found] = gather([tmp_path])
    assert found == Unsendable(f"{tmp_path.name}/1377.png", "sex must be M, F, O or empty, not 'male'")


@pytest.mark.parametrize("months", ["-3", "400", "nan"])
def test_an_impossible_bone_age_is_said_before_anything_is_sent(tmp_path: Path, months: str) -> None:
    write_png(tmp_path, "1377.png")
    (tmp_path / "labels.csv").write_text(f"file,sex,bone_age_months\n1377.png,F,{months}\n")
    [found] = gather([tmp_path])
    assert found == Unsendable(f"{tmp_path.name}/1377.png", f"bone_age_months must be 0 to 300, not {months}")
