"""A stored object that was damaged on the disk is healed by sending it again, and never answered for unseen."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from db import fault
from db.session import transaction
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Running, messages, poll, registered, rows
from tests.dicom_listener.test_sweep import left_behind
from tests.objects import hand_radiograph

SYNTAX_ENDS = b"1.2.840.10008.1.2.1\0"


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(400)


def turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def change_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(SYNTAX_ENDS, b"1.2.840.10008.1.2.2\0", 1))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def make_no_file(path: Path) -> None:
    path.write_bytes(b"\xff" * 1000)


def ended(state: str) -> None:
    with transaction() as session:
        end = "SET state = :state, attempts = 1, due_at = NULL, ended_at = now(), state_reason = 'damaged'"
        session.execute(text(f"UPDATE radiograph {end}"), {"state": state})


def all_registered(listener: Running) -> None:
    poll(listener.inbox, lambda left: left == [])


@pytest.mark.parametrize("state", ["REJECTED", "FAILED", "COMPLETED"])
@pytest.mark.parametrize("damage", [cut, turn_a_bit, change_the_header, empty, make_no_file, Path.unlink])
def test_a_damaged_object_is_whole_again_and_begins_its_way_anew_when_it_is_sent_again(
    listener: Running, carpus_env: CarpusEnvironment, damage: Callable[[Path], None], state: str
) -> None:
    sent = hand_radiograph()
    listener.send(sent)
    (first,) = registered(1)
    all_registered(listener)
    path = listener.store / first.object_path
    whole = path.read_bytes()
    damage(path)
    ended(state)
    assert listener.send(sent) == 0x0000
    all_registered(listener)
    assert path.read_bytes() == whole
    (again,) = rows()
    assert (again.id, again.revision, again.state) == (first.id, 1, State.RECEIVED)
    assert (again.attempts, again.ended_at, again.state_reason) == (0, None, None)
    assert len(poll(lambda: messages(carpus_env), lambda found: len(found) == 2)) == 2
    assert [one for one in listener.store.rglob("*") if one.is_file()] == [path]


@pytest.mark.parametrize(("state", "begins"), [("REJECTED", True), ("FAILED", True), ("COMPLETED", False)])
def test_what_ended_without_a_result_is_tried_again_when_it_is_sent_again(
    listener: Running, state: str, begins: bool
) -> None:
    sent = hand_radiograph()
    listener.send(sent)
    (row,) = registered(1)
    all_registered(listener)
    ended(state)
    left_behind(listener, row)  # which is not sent again
    listener.listener.sweep.sweep()
    assert [row.state for row in rows()] == [state]
    listener.send(sent)
    all_registered(listener)
    assert [row.state for row in rows()] == [State.RECEIVED if begins else state]


def test_what_a_worker_is_at_stays_its_own_though_the_file_is_healed(listener: Running) -> None:
    sent = hand_radiograph()
    listener.send(sent)
    (row,) = registered(1)
    all_registered(listener)
    cut(listener.store / row.object_path)
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET state = 'READING', attempts = 1"))
    listener.send(sent)
    all_registered(listener)
    assert [(row.state, row.attempts) for row in rows()] == [(State.READING, 1)]
    assert (listener.store / row.object_path).stat().st_size == row.size_bytes


def test_an_inbox_file_that_is_the_damaged_object_itself_spoils_nothing(listener: Running) -> None:
    sent = hand_radiograph()
    listener.send(sent)
    (row,) = registered(1)
    all_registered(listener)
    path = listener.store / row.object_path
    left_behind(listener, row)
    cut(path)  # and with it the inbox file
    listener.listener.registrar.offer = lambda _: None
    assert listener.send(sent) == 0x0000
    whole = listener.inbox()[-1].read_bytes()
    damaged, sound = listener.inbox()
    listener.listener.registrar.register(sound)
    listener.listener.registrar.register(damaged)
    assert path.read_bytes() == whole
    assert len(whole) == row.size_bytes


def test_a_kill_between_the_healed_file_and_its_row_is_made_good_by_the_sweep(
    listener: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = hand_radiograph()
    listener.send(sent)
    (row,) = registered(1)
    all_registered(listener)
    cut(listener.store / row.object_path)
    ended("REJECTED")

    def die(name: str) -> None:
        if name == "before_row":
            raise RuntimeError

    with monkeypatch.context() as dying:
        dying.setattr(fault, "point", die)
        listener.send(sent)
        poll(lambda: listener.listener.registrar._told, bool)
    assert (listener.store / row.object_path).stat().st_size == row.size_bytes
    assert [row.state for row in rows()] == [State.REJECTED]
    listener.listener.sweep.sweep()
    assert [row.state for row in rows()] == [State.RECEIVED]
