"""``carpus demo`` as a user runs it: what it prints and writes, and that it leaves no process behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from carpus.processes import SERVICES
from db.vocabulary import Sex
from tests.carpus.waiting import Seen, descendants, wait_until
from training.phantom import draw

DEADLINE_SECONDS = 90.0


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Let children be interrupted as in a terminal: a test run in the background passes an ignored SIGINT on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _demo(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "carpus", "demo", *arguments],
        env=os.environ | {"CARPUS_HOME": str(home), "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_folder_of_labelled_pictures_becomes_a_table_with_errors_and_a_contact_sheet(tmp_path: Path) -> None:
    pictures, home = tmp_path / "pictures", tmp_path / "home"
    pictures.mkdir()
    for sex, months in (("F", 60), ("M", 150)):
        cv2.imwrite(str(pictures / f"{sex}.png"), draw(months, Sex(sex), seed=months, rows=400).image)
    (pictures / "labels.csv").write_text("file,sex,bone_age_months\nF.png,F,60\nM.png,M,150\nnone.png,M,150\n")
    with _demo(home, "--from", str(pictures)) as process:
        said, _ = process.communicate(timeout=DEADLINE_SECONDS)
    rows = [line.replace("│", " ").split() for line in said.splitlines() if ".png" in line and "│" in line]
    assert [(row[0], row[1], row[-2]) for row in rows] == [("F.png", "F", "60.0"), ("M.png", "M", "150.0")]
    assert "on 2 radiographs; the best constant answer (105 months for all) gives 45.0" in said
    assert "not sent: pictures/none.png: no such file" in said
    assert process.returncode == 1  # for the one that could not be sent
    sheet = cv2.imread(str(home / "contact_sheet.png"))
    assert sheet.shape == (386, 2048, 3)
    assert sheet.max() > 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_demo_that_is_ended_in_the_middle_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    started: list[Seen] = []
    with _demo(tmp_path) as process:
        wait_until(lambda: len(descendants(process.pid)) > len(SERVICES) + 2, lambda: descendants(process.pid))
        started += descendants(process.pid)
        process.send_signal(number)
        process.communicate(timeout=DEADLINE_SECONDS)
    wait_until(lambda: not any(one.is_running for one in started), lambda: started)
    assert process.returncode == (130 if number is signal.SIGINT else -signal.SIGKILL)
