"""What needs a hand, put back by it: what was, what was not and why."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from carpus import embedded, ports
from carpus.__main__ import app
from db import overdue, states
from db.session import transaction
from db.steps import READ
from db.tables import Radiograph
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph

NOW = datetime.now(UTC)
FAILED: dict[str, Any] = {"state": State.FAILED, "attempts": 3, "reads": 3, "due_at": None, "ended_at": NOW}
REJECTED = FAILED | {"state": State.REJECTED, "attempts": 1, "reads": 0}


def _add(uid: str, **columns: Any) -> int:
    with transaction() as session:
        return add_radiograph(session, uid, **columns)


def _row(radiograph_id: int) -> Radiograph:
    with transaction() as session:
        return session.get_one(Radiograph, radiograph_id)


def requeue(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["requeue", *arguments])


@pytest.mark.parametrize("ended", [FAILED, REJECTED], ids=["failed", "rejected"])
@pytest.mark.parametrize("name", ["1", "1.2.3"])
def test_what_ended_for_want_of_a_cure_begins_anew(
    carpus_env: CarpusEnvironment, name: str, ended: dict[str, Any]
) -> None:
    radiograph_id = _add("1.2.3", state_reason="the disk was full", **ended)
    result = requeue(name)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, f"{name}: put back")
    row = _row(radiograph_id)
    assert (row.state, row.attempts, row.reads, row.ended_at) == (State.RECEIVED, 0, 0, None)
    assert row.state_reason == "the disk was full"  # until it is known better
    with transaction() as session:
        assert overdue.take_overdue(session, READ, limit=1) == [radiograph_id]  # the sweep's at once
    with transaction() as session:
        assert states.claim(session, radiograph_id, READ, 60) is not None


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"state": State.READING}, "it is READING; only what is FAILED or REJECTED can be put back"),
        (FAILED | {"superseded_at": NOW}, "other bytes were sent under its SOP Instance UID since"),
        (FAILED | {"purged_at": NOW}, "retention has removed its stored object; send it again"),
        (REJECTED | {"attempts": 0}, "it was rejected when it came, before it was read"),
    ],
)
def test_what_cannot_be_put_back_says_why_and_stays(
    carpus_env: CarpusEnvironment, columns: dict[str, Any], why: str
) -> None:
    stays, other = _add("1.2.3", **columns), _add("1.2.4", **FAILED)
    result = requeue("1", "2")
    assert result.exit_code == 1
    assert f"1: not put back: {why}" in result.stdout
    assert _row(stays).state == columns["state"]
    assert _row(other).state == State.RECEIVED


@pytest.mark.parametrize("name", ["4711", "1.2.9", "9" * 30, "nonsense"])
def test_what_is_not_there_is_told(carpus_env: CarpusEnvironment, name: str) -> None:
    result = requeue(name)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        1,
        f"{name}: not put back: there is no such radiograph",
    )


def test_all_that_failed_and_all_that_was_rejected_are_named_by_options(carpus_env: CarpusEnvironment) -> None:
    failed, rejected = _add("1.1", **FAILED), _add("1.2", **REJECTED)
    _add("1.3", **REJECTED | {"attempts": 0})
    assert "2 put back" not in requeue("--all").stdout
    assert [_row(one).state for one in (failed, rejected)] == [State.RECEIVED, State.REJECTED]
    assert "1 put back" in requeue("--rejected").stdout
    assert _row(rejected).state == State.RECEIVED
    assert "0 put back" in requeue("--all", "--rejected").stdout


def test_without_a_name_the_ways_to_name_are_said(carpus_env: CarpusEnvironment) -> None:
    result = requeue()
    assert (result.exit_code, result.stderr) == (
        1,
        "carpus: name radiographs by id or SOP Instance UID, or give --all or --rejected\n",
    )


def test_a_database_that_is_away_is_one_line(carpus_env: CarpusEnvironment) -> None:
    carpus_env.servers.postgres.stop()
    result = requeue("1")
    assert result.exit_code == 1
    assert result.stderr.startswith("carpus: the database did not answer")


def test_the_embedded_database_is_started_for_it(
    carpus_env: CarpusEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARPUS_DATABASE_URL")
    monkeypatch.setenv("CARPUS_HOME", str(tmp_path))
    postgres = embedded.Postgres(tmp_path / "postgres", ports.free_port())
    postgres.start()
    postgres.stop()
    assert requeue("1").stderr == "carpus: the database lacks this version's tables: run `python -m db.migrate`\n"
    assert postgres.port_in_use() is None
