"""Standard radiographs that no row owns go; what a row owns, or somebody may still be writing, stays."""

import os
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from db.session import transaction
from db.vocabulary import State
from dicom_listener import unowned
from dicom_listener.unowned import Unowned
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Running, poll, rows
from tests.rows import DIGEST, add_radiograph

ENDED = {"state": State.COMPLETED, "due_at": None, "ended_at": text("now()")}
HOUR_SECONDS = 3_600


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unowned, "ROUND_SECONDS", 0.0)


def standard(store: Path, name: str, hours_ago: float = 2, folder: str = "00") -> Path:
    path = store / "standard" / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    written = time.time() - hours_ago * HOUR_SECONDS
    os.utime(path, (written, written))
    return path


def names(store: Path) -> set[str]:
    return {path.name for path in store.rglob("*") if path.is_file()}


def a_round(removing: Unowned) -> int:
    return sum(removing.remove_some() for _ in range(256))


def test_only_what_no_row_owns_goes(carpus_env: CarpusEnvironment) -> None:
    for name in ("1.1.1.npy", "1.1.2.npy", "1.2.1.npy", "1.3.1.npy", "1.4.1.npy", "1.9.1.npy"):
        standard(carpus_env.store, name)
    standard(carpus_env.store, "1.9.2.npy", hours_ago=0.9)
    standard(carpus_env.store, "1.9.3.npy", folder="ff")
    standard(carpus_env.store, "notes.txt")
    with transaction() as session:
        add_radiograph(session, "1.1")
        purged = {"purged_at": text("now()"), **ENDED}
        add_radiograph(session, "1.2", **purged)
        add_radiograph(session, "1.3", **purged, standard_path="standard/00/1.3.1.npy", standard_sha256=DIGEST)
        add_radiograph(session, "1.4", sha256="f" * 64)  # whose standard radiograph lies in another folder
    assert a_round(Unowned(carpus_env.store)) == 5
    assert names(carpus_env.store) == {"1.1.1.npy", "1.3.1.npy", "1.9.2.npy", "notes.txt"}


def test_a_store_without_standard_radiographs_has_none_to_remove(carpus_env: CarpusEnvironment) -> None:
    assert a_round(Unowned(carpus_env.store)) == 0


def test_few_are_removed_in_a_round_and_more_in_the_next(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unowned, "MOST_IN_A_ROUND", 2)
    monkeypatch.setattr(unowned, "_BATCH", 2)
    for number in range(3):
        standard(carpus_env.store, f"1.{number}.1.npy", folder=f"0{number}")
    removing = Unowned(carpus_env.store)
    assert [a_round(removing), a_round(removing)] == [2, 1]


def test_between_two_folders_is_a_pause(carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unowned, "ROUND_SECONDS", 256 * 3600.0)
    removing = Unowned(carpus_env.store)
    removing.remove_some()
    standard(carpus_env.store, "1.1.1.npy", folder="01")
    assert removing.remove_some() == 0


def test_an_image_that_is_registered_meanwhile_keeps_its_standard_radiograph(carpus_env: CarpusEnvironment) -> None:
    standard(carpus_env.store, "1.1.1.npy")
    with transaction() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('1.1', 0))"))
        removing = threading.Thread(target=Unowned(carpus_env.store).remove_some)
        removing.start()
        poll(lambda: rows("SELECT pid FROM pg_locks WHERE NOT granted"), bool)
        add_radiograph(other, "1.1")
    removing.join()
    assert names(carpus_env.store) == {"1.1.1.npy"}


def test_the_sweep_removes_them(listener: Running) -> None:
    path = standard(listener.store, "1.1.1.npy")

    def swept() -> bool:
        listener.listener.sweep.sweep()
        return path.exists()

    poll(swept, lambda is_there: not is_there, deadline_seconds=60)
