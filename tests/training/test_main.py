from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from db.vocabulary import Sex
from training import __main__ as command_line
from training.phantom import draw

runner = CliRunner()


def test_a_drawn_hand_is_written_in_sixteen_bits(tmp_path: Path) -> None:
    arguments = ["phantom", "--bone-age-months", "100", "--sex", "F", "--seed", "3", "--rows", "96"]
    done = runner.invoke(command_line.app, [*arguments, "--output", str(tmp_path / "hand.png")])
    assert done.exit_code == 0, done.output
    written = cv2.imread(str(tmp_path / "hand.png"), cv2.IMREAD_UNCHANGED)
    assert written is not None
    assert np.array_equal(written, draw(100.0, Sex.FEMALE, 3, rows=96).image)


@pytest.mark.parametrize("data", ["phantoms", "phantoms:0", "radiographs:5"])
def test_evaluation_data_other_than_drawn_hands_are_refused(tmp_path: Path, data: str) -> None:
    done = runner.invoke(command_line.app, ["evaluate", str(tmp_path), "--data", data])
    assert done.exit_code == 2
    assert "phantoms:N" in done.output


def test_an_unknown_recipe_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["training", "fit", "finisher"])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    assert end.value.code == 1
    assert "no such recipe" in capsys.readouterr().err
