"""``carpus forget`` where something stands in its way: custody, a race, a file, a server; and what it cannot tell."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from typer.testing import Result

from carpus import embedded, ports
from db import migrate
from db.roles import Role
from db.session import transaction
from db.tables import StorageCommitment
from dicom_listener.commitment.references import Reference
from tests.carpus.conftest import arrived, count, forget, left, revisions
from tests.carpus.waiting import wait_until
from tests.conftest import CarpusEnvironment, forget_process_state
from tests.rows import DIGEST, add_radiograph


def test_committed_objects_are_in_custody_unless_they_are_named(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1", committed_at="now()")
    keep("1.2")
    before = left(store)
    said = forget("P1", "--yes")
    assert (said.exit_code, revisions(), left(store)) == (1, [("1.1", 1), ("1.2", 1)], before)
    assert "1 of the objects are committed" in said.output
    assert forget("P1", "--yes", "--committed").exit_code == 0
    assert (revisions(), left(store)) == ([], set())


def test_commitments_that_are_to_be_answered_yet_are_told_of(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1")
    with transaction() as session:
        for number, uid in enumerate(("1.1", "2.1")):
            session.add(
                StorageCommitment(
                    transaction_uid=f"7.{number}",
                    calling_ae_title="PACS",
                    referenced=[Reference("1.2", uid)._asdict()],
                    due_at=datetime.now(UTC),
                )
            )
    said = forget("P1", "--yes")
    assert said.exit_code == 0, said.output
    assert "1 storage commitments are to be answered yet, and name the objects until then" in said.output
    assert count("storage_commitment WHERE jsonb_array_length(referenced) = 1") == 2


@pytest.mark.parametrize("role", Role)
@pytest.mark.usefixtures("store")
def test_who_may_not_remove_is_told_before_it_is_asked(
    keep: Callable[..., int], carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    keep("1.1")
    monkeypatch.setenv("CARPUS_DATABASE_URL", carpus_env.servers.postgres.url_of(role))
    said = forget("P1", answer="y\n")
    assert (said.exit_code, revisions()) == (1, [("1.1", 1)])
    assert "connect as the owner, as `python -m db.migrate` does" in said.output
    assert "for good?" not in said.output


def test_what_nobody_can_tell_the_patient_of_is_said(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1", patient_id=None)
    (store / "incoming" / "a.part").write_bytes(b"cut off")
    said = forget("P1", "--dry-run")
    assert "nothing found of this patient" in said.output
    assert "1 radiographs of whomever have no patient ID in their row" in said.output
    assert "1 files in inbox and incoming have a header that does not tell whose they are" in said.output


def test_one_that_is_being_registered_is_waited_for(store: Path, keep: Callable[..., int]) -> None:
    path = arrived(store, "1.1", PatientID="P1")
    said: list[Result] = []
    with transaction() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('1.1', 0))"))
        forgetting = threading.Thread(target=lambda: said.append(forget("P1", "--yes")))
        forgetting.start()
        wait_until(lambda: _waiting() == 1, _waiting)
        add_radiograph(session, "1.1", patient_id="P1", patient_id_issuer="local")
        (store / "objects/00" / f"1.1.{DIGEST}.dcm").hardlink_to(path)
    forgetting.join()
    assert said[0].exit_code == 0, said[0].output
    assert (revisions(), left(store)) == ([], set())


def _waiting() -> int:
    return count("pg_locks WHERE NOT granted")


def test_a_file_that_cannot_be_removed_keeps_the_rows_for_the_next_time(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1")
    (store / f"objects/00/1.1.{'f' * 64}.dcm").mkdir()
    said = forget("P1", "--yes")
    assert (said.exit_code, revisions()) == (1, [("1.1", 1)])
    assert "a file could not be removed" in said.output
    (store / f"objects/00/1.1.{'f' * 64}.dcm").rmdir()
    assert forget("P1", "--yes").exit_code == 0
    assert (revisions(), left(store)) == ([], set())


def test_without_the_store_nothing_is_removed(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CARPUS_STORE", str(tmp_path / "elsewhere"))
    said = forget("P1", "--yes")
    assert said.exit_code == 1
    assert "no store in" in said.output


def test_the_one_machine_stack_forgets_also_when_it_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    postgres = embedded.Postgres(home / "postgres", ports.free_port())
    postgres.start()
    (home / "store" / "objects").mkdir(parents=True)
    (home / "contact_sheet.png").touch()
    with monkeypatch.context() as patch:
        for name, value in (("DATABASE_URL", postgres.url), ("BROKER_URL", "redis://"), ("STORE", str(home))):
            patch.setenv(f"CARPUS_{name}", value)
        forget_process_state()
        migrate.upgrade()
        with transaction() as session:
            add_radiograph(session, "1.1", patient_id="P1", patient_id_issuer="local")
        forget_process_state()
    postgres.stop()
    monkeypatch.delenv("CARPUS_DATABASE_URL", raising=False)
    monkeypatch.setenv("CARPUS_HOME", str(home))
    said = forget("P1", "--yes")
    assert said.exit_code == 0, said.output
    assert "removed: rows: 1 radiographs" in said.output
    assert "the contact sheet" in said.output
    assert not (home / "contact_sheet.png").exists()
    postgres.start()
    with psycopg.connect(postgres.libpq_url) as connection:
        assert connection.execute("SELECT count(*) FROM radiograph").fetchone() == (0,)
    postgres.stop()
