"""What was kept long enough is purged, what must be kept is not, and nothing that is sent again is lost."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from db import deliveries, fault
from db.session import transaction
from db.vocabulary import ResultObject, State
from dicom_listener import retention
from dicom_listener.retention import Retention
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Running, messages, poll, registered, rows
from tests.objects import hand_radiograph
from tests.rows import DIGEST, add_assessment, add_model_version, add_radiograph

ROOT = Path(__file__).parents[2]
DAYS = 30


@pytest.fixture(autouse=True)
def _thirty_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_RETENTION_DAYS", str(DAYS))
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.0)


def kept(store: Path, uid: str = "1.2.3", days_ago: float = DAYS + 1, **columns: Any) -> int:
    """Add a radiograph that ended some days ago, with its two files, and return its id."""
    ended = {"state": State.COMPLETED, "due_at": None, "sha256": DIGEST} | columns
    revision = ended.setdefault("revision", 1)
    ended.setdefault("object_path", f"objects/00/{uid}.{ended['sha256']}.dcm")
    ended.setdefault("standard_path", f"standard/{ended['sha256'][:2]}/{uid}.{revision}.npy")
    for path in (store / ended["object_path"], store / ended["standard_path"]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with transaction() as session:
        at = session.scalar(text("SELECT now() - make_interval(secs => :s)"), {"s": days_ago * 86400})
        return add_radiograph(session, uid, ended_at=at, standard_sha256=DIGEST, **ended)


def files(store: Path) -> set[str]:
    return {path.name for path in store.rglob("*") if path.is_file()}


def test_what_ended_long_ago_loses_its_files_and_keeps_its_result(carpus_env: CarpusEnvironment) -> None:
    old = kept(carpus_env.store, "1.1")
    kept(carpus_env.store, "1.2", DAYS - 1)
    with transaction() as session:
        add_assessment(session, old, add_model_version(session), bone_age_months=94.0)
    assert Retention(carpus_env.store, DAYS).purge_some() == 1
    assert files(carpus_env.store) == {"1.2.1.npy", f"1.2.{DIGEST}.dcm"}
    purged, young = rows()
    assert (purged.purged_at is not None, purged.standard_path) == (True, None)
    assert (young.purged_at, young.standard_path) == (None, "standard/00/1.2.1.npy")
    assert [row.bone_age_months for row in rows("SELECT bone_age_months FROM result")] == [94.0]


@pytest.mark.parametrize(
    ("state", "is_purged"),
    [("WAITING", False), ("SENDING", False), ("FAILED", False), ("DELIVERED", True), ("WITHDRAWN", True)],
)
def test_what_a_delivery_still_needs_is_kept(carpus_env: CarpusEnvironment, state: str, is_purged: bool) -> None:
    old = kept(carpus_env.store)
    with transaction() as session:
        assessed = add_assessment(session, old, add_model_version(session), bone_age_months=94.0)
        deliveries.plan(session, assessed, {ResultObject.REPORT: "2.25.1"}, ["PACS"])
        columns = {"WAITING": "", "SENDING": "", "DELIVERED": ", due_at = NULL, delivered_at = now()"}
        session.execute(text(f"UPDATE delivery SET state = '{state}'{columns.get(state, ', due_at = NULL')}"))
    assert Retention(carpus_env.store, DAYS).purge_some() == is_purged
    assert len(files(carpus_env.store)) == (0 if is_purged else 2)


def test_without_a_setting_everything_is_kept(carpus_env: CarpusEnvironment) -> None:
    kept(carpus_env.store, days_ago=10_000)
    assert Retention(carpus_env.store, None).purge_some() == 0
    assert len(files(carpus_env.store)) == 2


@pytest.mark.parametrize(
    ("columns", "is_purged"),
    [
        ({"state": State.NOT_APPLICABLE}, True),
        ({"state": State.REJECTED}, True),
        ({"state": State.REJECTED, "attempts": 1}, False),
        ({"state": State.REJECTED, "attempts": 1, "superseded_at": "now()"}, True),
        ({"state": State.FAILED}, False),
        ({"committed_at": "now()"}, False),
    ],
    ids=[
        "not applicable",
        "rejected when it came",
        "rejected by its reader: a later version may read it",
        "rejected by its reader, and sent again since",
        "failed: a person may requeue it",
        "committed: Carpus has custody",
    ],
)
def test_which_ends_are_purged(carpus_env: CarpusEnvironment, columns: dict[str, Any], is_purged: bool) -> None:
    kept(carpus_env.store, **columns)
    assert Retention(carpus_env.store, DAYS).purge_some() == is_purged
    assert len(files(carpus_env.store)) == (0 if is_purged else 2)


def test_a_failed_revision_that_a_later_one_superseded_waits_for_nobody(carpus_env: CarpusEnvironment) -> None:
    kept(carpus_env.store, state=State.FAILED, superseded_at="now()")
    assert Retention(carpus_env.store, DAYS).purge_some() == 1


@pytest.mark.parametrize(
    "statements",
    [
        ["INSERT INTO reference_read VALUES (DEFAULT, :id, 'reader', 'GP', 94)"],
        ["INSERT INTO reading_list (seed) VALUES (7)", "INSERT INTO reading_list_item VALUES (1, :id, 1)"],
    ],
    ids=["read", "to be read"],
)
def test_the_standard_radiograph_of_one_that_is_read_is_kept_for_training(
    carpus_env: CarpusEnvironment, statements: list[str]
) -> None:
    radiograph_id = kept(carpus_env.store)
    with transaction() as session:
        for statement in statements:
            session.execute(text(statement), {"id": radiograph_id})
    assert Retention(carpus_env.store, DAYS).purge_some() == 1
    assert files(carpus_env.store) == {"1.2.3.1.npy"}
    assert [row.standard_path for row in rows()] == ["standard/00/1.2.3.1.npy"]


def test_a_file_that_revisions_share_goes_with_the_last_of_them(carpus_env: CarpusEnvironment) -> None:
    kept(carpus_env.store, revision=1, superseded_at="now()")
    third = kept(carpus_env.store, revision=3, days_ago=1)
    keeping = Retention(carpus_env.store, DAYS)
    assert keeping.purge_some() == 1
    assert files(carpus_env.store) == {"1.2.3.3.npy", f"1.2.3.{DIGEST}.dcm"}
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET ended_at = '2020-01-01' WHERE id = :id"), {"id": third})
    assert keeping.purge_some() == 1
    assert files(carpus_env.store) == set()


def test_what_cannot_be_removed_is_told_and_holds_nothing_up(
    carpus_env: CarpusEnvironment, written: Callable[[], str]
) -> None:
    kept(carpus_env.store, "1.1", DAYS + 2, object_path="objects/1.1/x")
    kept(carpus_env.store, "1.2")
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET object_path = 'objects/1.1' WHERE sop_instance_uid = '1.1'"))
    assert Retention(carpus_env.store, DAYS).purge_some() == 1
    assert [row.purged_at is None for row in rows()] == [True, False]
    assert written().count("object_not_purged") == 1


def test_what_is_committed_while_the_purge_waits_is_kept(carpus_env: CarpusEnvironment) -> None:
    kept(carpus_env.store)
    with transaction() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('1.2.3', 0))"))
        purge = threading.Thread(target=Retention(carpus_env.store, DAYS).purge_some)
        purge.start()
        poll(lambda: rows("SELECT pid FROM pg_locks WHERE NOT granted"), bool)
        other.execute(text("UPDATE radiograph SET committed_at = now()"))
    purge.join()
    assert len(files(carpus_env.store)) == 2
    assert [row.purged_at for row in rows()] == [None]


def test_a_batch_is_bounded_and_the_next_follows_at_once(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 3600.0)
    for number in range(3):
        kept(carpus_env.store, f"1.{number}")
    keeping = Retention(carpus_env.store, DAYS)
    assert [keeping.purge_some() for _ in range(2)] == [2, 1]
    kept(carpus_env.store, "1.9")
    assert keeping.purge_some() == 0  # not before the pause is over


def test_a_batch_that_cannot_be_removed_does_not_keep_the_next_from_being_purged(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(2):
        kept(carpus_env.store, f"1.{number}", DAYS + 5, object_path=f"objects/stuck/{number}/x")
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET object_path = 'objects/stuck/' || right(sop_instance_uid, 1)"))
    kept(carpus_env.store, "1.9")
    keeping = Retention(carpus_env.store, DAYS)
    assert [keeping.purge_some() for _ in range(2)] == [0, 1]
    shutil.rmtree(carpus_env.store / "objects" / "stuck")
    assert [keeping.purge_some() for _ in range(2)] == [2, 0]  # from the beginning again


@pytest.mark.parametrize(("ahead_seconds", "is_held"), [(7200.0, True), (600.0, False), (-7200.0, False)])
def test_a_clock_set_ahead_holds_purging_back_for_a_day(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch, ahead_seconds: float, is_held: bool
) -> None:
    database_seconds, running_seconds = retention._database_seconds, retention._running_seconds
    jumped = passed = 0.0
    monkeypatch.setattr(retention, "_database_seconds", lambda: database_seconds() + jumped + passed)
    monkeypatch.setattr(retention, "_running_seconds", lambda: running_seconds() + passed)
    keeping = Retention(carpus_env.store, DAYS)
    assert keeping.purge_some() == 0
    kept(carpus_env.store)
    jumped = ahead_seconds
    assert [keeping.purge_some(), keeping.purge_some()] == ([0, 0] if is_held else [1, 0])
    passed = 86_401
    assert keeping.purge_some() == is_held


def aged(listener: Running) -> None:
    """Let everything have ended long ago, as if it had been assessed, and sweep."""
    with transaction() as session:
        session.execute(
            text("UPDATE radiograph SET state = 'COMPLETED', due_at = NULL, attempts = 1, ended_at = '2020-01-01'")
        )
    listener.listener.sweep.sweep()


def test_bytes_sent_again_after_they_were_purged_begin_their_way_anew(
    listener: Running, carpus_env: CarpusEnvironment
) -> None:
    sent = hand_radiograph()
    listener.send(sent)
    (first,) = registered(1)
    poll(listener.inbox, lambda left: left == [])
    aged(listener)
    (purged,) = rows()
    assert (purged.purged_at is not None, (listener.store / first.object_path).exists()) == (True, False)
    assert listener.send(sent) == 0x0000
    (again,) = poll(rows, lambda found: found[0].purged_at is None)
    assert (again.id, again.revision, again.state, again.attempts) == (first.id, 1, State.RECEIVED, 0)
    assert (again.ended_at, again.received_at > first.received_at) == (None, True)
    assert (listener.store / again.object_path).is_file()
    assert len(poll(lambda: messages(carpus_env), lambda found: len(found) == 2)) == 2
    listener.listener.sweep.sweep()
    assert (listener.store / again.object_path).is_file()


def test_after_a_kill_between_file_and_row_the_bytes_sent_again_begin_their_way_anew(
    listener: Running, carpus_env: CarpusEnvironment, tmp_path: Path
) -> None:
    (tmp_path / "purge_uncommitted").touch()
    sent = hand_radiograph()
    listener.send(sent)
    (row,) = registered(1)
    poll(listener.inbox, lambda left: left == [])
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET state = 'REJECTED', due_at = NULL, ended_at = '2020-01-01'"))
    alone = {"CARPUS_LISTENER_PORT": "0", "CARPUS_LISTENER_PROCESSES": "1"}
    environment = os.environ | alone | {fault.VARIABLE: str(tmp_path)}
    command = [sys.executable, "-m", "dicom_listener"]
    killed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=30, check=False)
    assert killed.returncode == -9
    assert ([left.purged_at for left in rows()], (listener.store / row.object_path).exists()) == ([None], False)
    assert listener.send(sent) == 0x0000
    poll(listener.inbox, lambda left: left == [])
    listener.listener.sweep.sweep()
    assert [(again.state, again.purged_at) for again in rows()] == [(State.RECEIVED, None)]
    assert (listener.store / row.object_path).is_file()
