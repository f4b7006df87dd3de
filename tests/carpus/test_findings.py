from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console

from carpus import contact_sheet, findings
from carpus.followed import Followed
from db.vocabulary import Note
from worker import radiograph

COMPLETED = {
    "state": "COMPLETED",
    "state_reason": None,
    "patient_sex": "F",
    "bone_age_months": 100.04,
    "bone_age_low_months": 90.5,
    "bone_age_high_months": 109.58,
    "interval_caveat": "not calibrated on radiographs",
    "bone_age_if_female_months": 100.04,
    "bone_age_if_male_months": 110.0,
    "stage": "child",
    "model_name": "starter",
    "model_version": "1.0.0",
    "model_intended_use": "Demonstration.",
}


def completed(name: str, reference: float | None, **columns: Any) -> Followed:
    error = None if reference is None else 100.04 - reference
    return Followed(name, COMPLETED | {"reference_bone_age_months": reference, "error_months": error} | columns)


REJECTED = Followed("b.dcm", {"state": "REJECTED", "state_reason": "no pixels", "error_months": None})


def test_the_mean_absolute_error_is_compared_with_the_best_constant() -> None:
    """References 90, 110, 160: errors 10.04, 9.96, 59.96; their median 110 is off by 20, 0, 50."""
    followed = [completed("a", 90), completed("b", 110), completed("c", 160), completed("d", None), REJECTED]
    assert findings.accuracy(followed) == (
        "Mean absolute error 26.7 months on 3 radiographs; the best constant answer (110 months for all) gives 23.3: "
        "the model is no better than that."
    )


def test_without_references_there_is_no_error_to_say() -> None:
    assert findings.accuracy([completed("a", None), REJECTED]) is None


def test_what_had_been_sent_before_is_said() -> None:
    began_at = datetime(2026, 1, 2, tzinfo=UTC)
    fresh = completed("a", None, ended_at=began_at + timedelta(seconds=1))
    stale = completed("b", None, ended_at=began_at - timedelta(seconds=1))
    assert findings.known_before([fresh], began_at) is None
    assert (findings.known_before([fresh, stale], began_at) or "").startswith("1 of 2 had been sent before")


def test_the_table_has_a_row_for_each_and_says_what_has_no_result() -> None:
    console = Console(file=StringIO(), width=120)
    console.print(findings.table([completed("a.png", 90), REJECTED], console.width))
    assert isinstance(console.file, StringIO)
    rows = [line.replace("│", " ").split() for line in console.file.getvalue().splitlines() if line.startswith("│")]
    assert rows == [
        ["a.png", "F", "100.0", "100.0", "110.0", "child", "90.0", "10.0"],
        ["90–110"],
        ["b.dcm", "–", "REJECTED"],
    ]
    assert "below a bone age: its 90% interval, not calibrated on radiographs" in console.file.getvalue()
    assert findings.reasons([completed("a.png", 90), REJECTED]) == ["b.dcm: REJECTED: no pixels"]
    reviewed = completed("c.png", 90, review_reasons=["overexposed", "the hand is cut off"])
    assert findings.reasons([reviewed]) == ["c.png: needs review: overexposed, the hand is cut off"]
    assert findings.models([completed("a.png", 90), REJECTED]) == ["Model starter 1.0.0: Demonstration."]


def test_a_bone_age_without_interval_has_no_caveat() -> None:
    bare = completed("a.png", 90, bone_age_low_months=None, bone_age_high_months=None, interval_caveat=None)
    console = Console(file=StringIO(), width=120)
    console.print(findings.table([bare, REJECTED], console.width))
    assert isinstance(console.file, StringIO)
    assert "calibrated" not in console.file.getvalue()
    assert bare.interval_months is None


def test_the_table_loses_no_number_on_a_narrow_terminal() -> None:
    for width in (60, 80):
        console = Console(file=StringIO(), width=width)
        console.print(findings.table([completed("a_long_name_of_a_radiograph.png", 90), REJECTED], width))
        assert isinstance(console.file, StringIO)
        said = " ".join(console.file.getvalue().split())
        assert "…" not in said
        assert all(
            words in said
            for words in ("bone age", "100.0", "90–110", "110.0", "child", "90.0", "10.0", "not calibrated")
        )


def test_the_contact_sheet_shows_each_radiograph_beside_its_heat_map(tmp_path: Path) -> None:
    standard = np.full((100, 80), 30_000, np.uint16)
    sha256 = radiograph.save(standard, tmp_path / "standard.npy", tmp_path)
    hot = np.zeros((8, 8), np.float32)
    hot[4, 4] = 1
    columns = {
        "standard_path": "standard.npy",
        "standard_sha256": sha256,
        "heat_map": hot.tolist(),
        "model_preprocessing": {"rows": 64, "columns": 64, "crop": "none", "clahe": None},
    }
    followed = [completed(f"{n}.png", None, **columns) for n in range(4)] + [REJECTED]
    followed += [completed("negative.png", None, notes=["came as a negative, and was inverted"], **columns)]

    assert contact_sheet.write(followed, tmp_path, tmp_path, tmp_path / "sheet.png") == 5

    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    tile_rows = contact_sheet.TILE_ROWS + contact_sheet.CAPTION_ROWS
    assert sheet.shape == (2 * tile_rows, contact_sheet.ACROSS * contact_sheet.TILE_COLUMNS, 3)
    plain, overlaid = np.hsplit(sheet[:tile_rows, : contact_sheet.TILE_COLUMNS], 2)
    middle = plain[contact_sheet.TILE_ROWS // 2, contact_sheet.TILE_COLUMNS // 4]
    assert middle.tolist() == [116] * 3  # 30,000 / 257
    negative = sheet[tile_rows + contact_sheet.TILE_ROWS // 2, contact_sheet.TILE_COLUMNS // 4]
    assert negative.tolist() == [138] * 3  # 35,535 / 257
    assert np.ptp(overlaid[: contact_sheet.TILE_ROWS].astype(int), axis=2).max() > 50  # coloured where it is hot


def test_the_contact_sheet_shows_a_right_hand_as_it_came(tmp_path: Path) -> None:
    standard = np.zeros((100, 80), np.uint16)
    standard[:, :20] = 30_000
    sha256 = radiograph.save(standard, tmp_path / "standard.npy", tmp_path)
    columns = {
        "standard_path": "standard.npy",
        "standard_sha256": sha256,
        "heat_map": np.zeros((8, 8)).tolist(),
        "model_preprocessing": {"rows": 64, "columns": 64, "crop": "none", "clahe": None},
    }
    followed = [completed(f"{n}.png", None, notes=notes, **columns) for n, notes in enumerate(([], [Note.RIGHT]))]
    contact_sheet.write(followed, tmp_path, tmp_path, tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    first, second = (
        sheet[: contact_sheet.TILE_ROWS, start : start + contact_sheet.TILE_COLUMNS]
        for start in (0, contact_sheet.TILE_COLUMNS)
    )
    assert first.any()
    assert np.array_equal(first, second)


def test_a_sheet_of_nothing_is_not_written(tmp_path: Path) -> None:
    assert contact_sheet.write([REJECTED], tmp_path, tmp_path, tmp_path / "sheet.png") == 0
    assert not (tmp_path / "sheet.png").exists()
