import errno
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carpus.__main__ import app
from carpus.settings import Setting, absolute, known_settings


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
    result = CliRunner().invoke(app, ["settings"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert "hunter2" not in result.stdout
    assert all(variable in result.stdout for variable in known)


def test_a_setting_in_a_file_is_shown_as_in_force_and_a_secret_as_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"ae_title": "HAND", "patient_id_key": "hunter2", "attempts": "4"}.items():
        (tmp_path / f"carpus_{name}").write_text(f"{text}\n")
    monkeypatch.setenv("CARPUS_SECRETS", str(tmp_path))
    monkeypatch.setenv("CARPUS_ATTEMPTS", "5")
    shown = {setting.variable: setting.in_force for setting in known_settings() if setting.in_force}
    assert (shown["CARPUS_AE_TITLE"], shown["CARPUS_PATIENT_ID_KEY"], shown["CARPUS_ATTEMPTS"]) == ("HAND", "…", "5")
    assert "hunter2" not in CliRunner().invoke(app, ["settings"], env={"COLUMNS": "120"}).stdout


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hun/te:r2@127.0.0.1:6379/0", "redis://:…@127.0.0.1:6379/0"),
        ("postgresql+psycopg://carpus:hun@ter2@db:5432/carpus", "postgresql+psycopg://carpus:…@db:5432/carpus"),
        ("postgresql+psycopg://carpus@db:5432/carpus", "postgresql+psycopg://carpus@db:5432/carpus"),
        ("postgresql+psycopg://db/carpus?password=hunter2&a=b", "postgresql+psycopg://db/carpus?password=…&a=b"),
    ],
)
def test_no_character_of_a_password_is_shown(monkeypatch: pytest.MonkeyPatch, url: str, shown: str) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", url)
    assert Setting("CARPUS_BROKER_URL", "", "", False).in_force == shown


def test_settings_on_a_narrow_terminal_are_one_below_the_other() -> None:
    said = CliRunner().invoke(app, ["settings"], env={"COLUMNS": "40"}).stdout
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines()]
    at = cells.index(["variable", "CARPUS_HOME"])
    assert cells[at + 1 : at + 3] == [["value", ".carpus"], ["meaning", "folder of the one-machine"]]


def test_files_that_a_setting_names_are_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"CARPUS_TLS_KEY": "a.key", "CARPUS_STORE": "store", "CARPUS_AE_TITLE": "A"}
    expected = {"CARPUS_TLS_KEY": f"{tmp_path}/a.key", "CARPUS_STORE": f"{tmp_path}/store", "CARPUS_AE_TITLE": "A"}
    assert absolute(given) == expected


def test_a_terminal_without_the_sign_gets_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carpus.doctor.run", lambda console: console.print("✓ Python") is None)
    result = CliRunner(charset="latin-1").invoke(app, ["doctor"])
    assert result.stdout == "? Python\n"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--called", "SEVENTEEN-LETTERS", "no AE title"),
        ("--ae-title", "A\\B", "no AE title"),
        ("--port", "70000", "Invalid value for '--port'"),
    ],
)
@pytest.mark.parametrize("command", [["send", "."], ["echo"]])
def test_what_nobody_could_be_called_is_refused(command: list[str], option: str, value: str, words: str) -> None:
    result = CliRunner().invoke(app, [*command, option, value], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert words in result.stderr


def test_an_operating_systems_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(console: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "log")

    monkeypatch.setattr("carpus.doctor.run", fail)
    result = CliRunner().invoke(app, ["doctor"])
    assert (result.exit_code, result.stderr) == (1, "carpus: [Errno 28] No space left on device: 'log'\n")


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
