"""``carpus training``: the commands of `python -m training`, with the database and the store that are meant."""

from pathlib import Path

import pytest

from carpus import training
from tests.conftest import CarpusEnvironment


def test_a_configured_database_is_used_as_it_is(
    carpus_env: CarpusEnvironment, capfd: pytest.CaptureFixture[str]
) -> None:
    assert training.run(["list"]) == 0
    assert "model versions" in capfd.readouterr().out


def test_the_exit_status_and_the_words_are_the_command_s(
    carpus_env: CarpusEnvironment, capfd: pytest.CaptureFixture[str]
) -> None:
    assert training.run(["promote", "starter 0.1.1"]) == 1
    assert "no registered version is called 'starter 0.1.1'" in capfd.readouterr().err


def test_beside_the_one_machine_stack_its_servers_and_its_store_are_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARPUS_DATABASE_URL", raising=False)
    (tmp_path / "redis").mkdir()
    monkeypatch.setenv("CARPUS_HOME", str(tmp_path))
    found = training._environment("postgresql://carpus_writer:secret@127.0.0.1:5433/carpus")
    assert found["CARPUS_DATABASE_URL"] == "postgresql+psycopg://carpus_writer:secret@127.0.0.1:5433/carpus"
    assert found["CARPUS_STORE"] == str(tmp_path / "store")
    assert found["CARPUS_BROKER_URL"].startswith("redis://")
