from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from db.vocabulary import Sex
from training import __main__ as command_line
from training import hand
from training.phantom import draw

runner = CliRunner()


def test_a_drawn_hand_is_written_in_sixteen_bits(tmp_path: Path) -> None:
    arguments = ["phantom", "--bone-age-months", "100", "--sex", "F", "--seed", "3", "--rows", "96"]
    done = runner.invoke(command_line.app, [*arguments, "--output", str(tmp_path / "hand.png")])
    assert done.exit_code == 0, done.output
    written = cv2.imread(str(tmp_path / "hand.png"), cv2.IMREAD_UNCHANGED)
    assert written is not None
    assert np.array_equal(written, draw(100.0, Sex.FEMALE, 3, rows=96).image)


def test_a_truer_hand_can_be_asked_for(tmp_path: Path) -> None:
    arguments = [
        "phantom",
        "--bone-age-months",
        "100",
        "--sex",
        "F",
        "--seed",
        "3",
        "--rows",
        "96",
        "--drawing",
        "hand",
    ]
    done = runner.invoke(command_line.app, [*arguments, "--output", str(tmp_path / "hand.png")])
    assert done.exit_code == 0, done.output
    written = cv2.imread(str(tmp_path / "hand.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(written, hand.draw(100.0, Sex.FEMALE, 3, rows=96).image)


def test_data_that_are_none_end_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["training", "evaluate", str(tmp_path), "--data", "radiographs:5"])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    assert end.value.code == 1
    assert "phantoms:N" in capsys.readouterr().err


def test_an_unknown_recipe_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["training", "fit", "finisher"])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    assert end.value.code == 1
    assert "no such recipe" in capsys.readouterr().err
