"""A store that is away or full costs no radiograph an attempt; a file that alone is missing does."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from db.errors import OutageError
from db.session import transaction
from db.steps import ASSESS, READ
from db.tables import Radiograph
from db.vocabulary import State
from tests.conftest import CarpusEnvironment, forget_process_state
from tests.objects import as_file, hand_radiograph
from tests.rows import DIGEST, add_radiograph
from worker import radiograph, store_outage, stored_object
from worker.assess import assess
from worker.serving import Serving
from worker.standardise import standardise
from worker.steps import perform
from worker.store_outage import told_apart

OBJECT = "objects/00/hand.dcm"


@pytest.fixture
def stored(carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the store with one object in it."""
    monkeypatch.setenv("CARPUS_REPUBLISH_SECONDS", "30")  # a running stack of other tests may have set it
    forget_process_state()
    (carpus_env.store / OBJECT).parent.mkdir(parents=True)
    as_file(hand_radiograph(), carpus_env.store / OBJECT)
    return carpus_env.store


def _read() -> Radiograph:
    with transaction() as session:
        radiograph_id = add_radiograph(session, object_path=OBJECT)
    perform(READ, radiograph_id, 60, standardise)
    return _row(radiograph_id)


def _assess() -> Radiograph:
    standard = {"standard_path": "standard/00/1.2.3.1.npy", "standard_sha256": DIGEST}
    with transaction() as session:
        radiograph_id = add_radiograph(session, object_path=OBJECT, state=State.READ, **standard)
    perform(ASSESS, radiograph_id, 60, lambda claim: assess(claim, cast("Serving", SimpleNamespace())))
    return _row(radiograph_id)


def _row(radiograph_id: int) -> Radiograph:
    with transaction() as session:
        return session.get_one(Radiograph, radiograph_id)


def _unmounted(store: Path) -> None:
    store.rename(store.with_name("elsewhere"))
    store.mkdir()


def _gone(store: Path) -> None:
    store.rename(store.with_name("elsewhere"))


@pytest.mark.parametrize("away", [_unmounted, _gone])
@pytest.mark.parametrize(("step", "waiting"), [(_read, State.RECEIVED), (_assess, State.READ)], ids=["read", "assess"])
def test_a_store_that_is_away_is_waited_for_at_no_cost(
    stored: Path, away: Callable[[Path], None], step: Callable[[], Radiograph], waiting: State
) -> None:
    away(stored)
    row = step()
    assert (row.state, row.attempts) == (waiting, 0)
    assert str(row.state_reason).startswith("the store cannot be used (")
    assert row.due_at is not None
    assert (row.due_at - row.waiting_since).total_seconds() == pytest.approx(30, abs=1)  # CARPUS_REPUBLISH_SECONDS


def test_an_object_that_alone_is_missing_costs_an_attempt(stored: Path) -> None:
    (stored / OBJECT).unlink()
    row = _read()
    assert (row.state, row.attempts) == (State.RECEIVED, 1)
    assert row.state_reason == "The stored object cannot be read (No such file or directory): check the store."


def test_a_standard_radiograph_that_alone_is_missing_is_made_again(stored: Path) -> None:
    row = _assess()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)
    assert str(row.state_reason).endswith("is missing: read the object again.")


def _failing(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENOSPC])
@pytest.mark.parametrize("module", [stored_object.io, radiograph.os], ids=["while opening", "while saving"])
def test_a_disk_that_fails_costs_no_attempt(
    stored: Path, monkeypatch: pytest.MonkeyPatch, module: Any, number: int
) -> None:
    name = "FileIO" if module is stored_object.io else "fsync"
    with monkeypatch.context() as patch:
        patch.setattr(module, name, _failing(number))
        row = _read()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)
    assert str(row.state_reason).startswith(
        "the disk is full" if number == errno.ENOSPC else "the store cannot be used"
    )
    assert [path.name for path in stored.rglob("*") if path.is_file()] == ["hand.dcm"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOMEM, errno.EMFILE])
def test_what_only_this_file_or_process_lacks_goes_on_unchanged(stored: Path, number: int) -> None:
    with pytest.raises(OSError, match=re.escape(os.strerror(number))), told_apart(stored):
        _failing(number)()


def test_a_folder_that_lets_nobody_in_is_an_outage(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_outage.os, "scandir", _failing(errno.EACCES))  # root is let in everywhere
    with pytest.raises(OutageError, match="Permission denied"), told_apart(stored):
        _failing(errno.EACCES)()


def test_an_outage_keeps_its_own_reason(tmp_path: Path) -> None:
    with pytest.raises(OutageError, match=r"^the database is away$"), told_apart(tmp_path):
        raise OutageError("the database is away") from OSError(errno.EIO, "Input/output error")
