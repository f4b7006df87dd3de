"""Tables of predictions: what is read, and everything that is wrong told at once."""

from pathlib import Path

import pytest

from training.predictions import PredictionsError, load

HEADER = "id,sex,reference_bone_age_months,mine_bone_age_months\n"


def table(folder: Path, text: str) -> Path:
    path = folder / "predictions.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_model_is_read_with_the_references(tmp_path: Path) -> None:
    header = HEADER.strip() + ",other_bone_age_months\n"
    mine, other = load(table(tmp_path, f"{header}a,F,0,1.5,2\nb,M,240,239,238\n"))
    assert (mine.name, other.name) == ("mine", "other")
    assert mine.reference_months.tolist() == [0, 240]
    assert (mine.predicted_months.tolist(), other.predicted_months.tolist()) == ([1.5, 239], [2, 238])
    assert mine.is_male.tolist() == [False, True]


def test_radiographs_of_one_patient_are_known_as_such_where_the_table_says_so(tmp_path: Path) -> None:
    header = "id,patient,sex,reference_bone_age_months,mine_bone_age_months\n"
    rows = "a,p2,F,60,61\nb,p1,M,60,61\nc,,F,60,61\nd,p2,F,70,61\ne,,M,60,61\n"
    (mine,) = load(table(tmp_path, header + rows))
    assert mine.patients.tolist() == [0, 1, 2, 0, 3]
    assert mine.where(~mine.is_male).patients.tolist() == [0, 2, 0]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    rows = "a,X,60,61\nb,F,-3,61\nc,M,60,400\na,M,60,61\nd,M,60\ne,F,nan,ten\n"
    with pytest.raises(PredictionsError) as told:
        load(table(tmp_path, HEADER + rows))
    assert [line.partition("predictions.csv: ")[2] for line in str(told.value).splitlines()] == [
        "line 2: sex 'X', expected M or F",
        "line 3: reference_bone_age_months '-3', expected 0 to 240",
        "line 4: mine_bone_age_months '400', expected 0 to 240",
        "line 5: id a stands in line 2 already",
        "line 6: not as many values as there are columns",
        "line 7: reference_bone_age_months 'nan', expected 0 to 240",
        "line 7: mine_bone_age_months 'ten', expected 0 to 240",
    ]


def test_of_many_problems_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    with pytest.raises(PredictionsError, match=r"\nand 5 more$"):
        load(table(tmp_path, HEADER + "".join(f"{number},U,60,60\n" for number in range(25))))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "column sex is missing"),
        (HEADER, "no radiograph stands in it"),
        ("id,sex,reference_bone_age_months\na,F,60\n", "no column MODEL_bone_age_months holds predictions"),
        ("sex,id,mine_bone_age_months\nF,a,60\n", "column sex is missing"),
    ],
)
def test_a_table_of_something_else_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PredictionsError, match=words):
        load(table(tmp_path, text))


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hand.png"
    path.write_bytes(b"\x89PNG\xff")
    for missing in (path, tmp_path / "none.csv"):
        with pytest.raises(PredictionsError, match=f"{missing}: cannot be read as CSV"):
            load(missing)
