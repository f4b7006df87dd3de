from pathlib import Path

import pytest
from typer.testing import CliRunner

from carpus.__main__ import app
from carpus.settings import known_settings


def test_an_error_is_one_line_and_status_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_DATABASE_URL", "sqlite:///x.db")
    result = CliRunner().invoke(app, ["sql", "SELECT 1"])
    assert result.exit_code == 1
    assert result.stderr == (
        "carpus: CARPUS_DATABASE_URL begins with sqlite://, but must begin with postgresql+psycopg://\n"
    )


def test_every_setting_has_a_meaning_and_passwords_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", "redis://:hunter2@127.0.0.1:6379/0")
    monkeypatch.setenv("CARPUS_DATABASE_PASSWORD", "hunter2")
    known = {setting.variable: setting for setting in known_settings()}
    assert all(setting.meaning and setting.default for setting in known.values())
    assert known["CARPUS_BROKER_URL"].in_force == "redis://:…@127.0.0.1:6379/0"
    assert known["CARPUS_DATABASE_PASSWORD"].in_force == "…"
    result = CliRunner().invoke(app, ["settings"])
    assert result.exit_code == 0
    assert "hunter2" not in result.stdout
    assert all(variable in result.stdout for variable in known)


def test_a_folder_without_radiographs_is_said_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPUS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("carpus.stack.stop_on_signals", lambda: None)  # the signals are the test run's
    (tmp_path / "source").mkdir()
    result = CliRunner().invoke(app, ["demo", "--from", str(tmp_path / "source")])
    assert result.exit_code == 1
    assert "no radiograph found in" in result.stderr
    assert not (tmp_path / "home").exists()
