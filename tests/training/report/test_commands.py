"""The commands, on the shipped bundle's card and hands drawn on the spot; `test_starter` asks its real engine."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training.report.answering import KnownEngine
from training.__main__ import app
from worker.bundle import load, starter_folder
from worker.engines import tensorflow

STARTER = str(starter_folder())


def test_evaluate_writes_the_page_and_compare_puts_bundles_beside_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorflow, "load", lambda _: KnownEngine())
    data = ["--data", "phantoms:2", "--work-folder", str(tmp_path)]
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["evaluate", STARTER, *data, "--report", str(page), "--stress-cases", "1"])
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert "Judged on drawn hands" in text
    assert "phantom 2000000001" in text
    whole = json.loads((tmp_path / "page.json").read_text(encoding="utf-8"))
    assert whole["data"] == "2 hands drawn by training.phantom; no radiograph of a patient"
    assert "Judged on drawn hands" in whole["warnings"][0]
    (written,) = whole["models"]
    assert written["overall"]["radiographs"] == 2
    assert written["clinically_significant_errors"]["without_chronological_age"] == 0
    assert written["stress"]["radiographs"] == 1

    page = tmp_path / "compared.html"
    done = CliRunner().invoke(app, ["compare", STARTER, STARTER, *data, "--report", str(page)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert f"starter {load(starter_folder()).card.version}" in done.output
    one, other = json.loads((tmp_path / "compared.json").read_text(encoding="utf-8"))["bundles"]
    assert (one["rank"], other["rank"]) == (1, 2)
    assert other["mae_less_best"]["all"] == {"value": 0, "low": 0, "high": 0}


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_a_report_that_is_no_html_is_refused(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [command, STARTER, "--report", str(tmp_path / "page.pdf")])
    assert done.exit_code == 2
    assert "expected an .html file" in " ".join(done.output.split())
