"""What was away comes back: PostgreSQL, Redis, messages, workers. Nothing is lost, and nothing comes twice."""

import json
import os
import threading
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Row, text

from db.session import transaction
from db.vocabulary import State
from dicom_listener.store import Arrival
from tests.conftest import CarpusEnvironment
from tests.delivering import add_result, planned
from tests.dicom_listener.conftest import Running, messages, poll, registered, rows
from tests.objects import hand_radiograph


def test_a_stopped_database_does_not_stop_a_sender(
    listener: Running, carpus_env: CarpusEnvironment, written: Callable[[], str]
) -> None:
    first = hand_radiograph(PatientSex="M")
    second = hand_radiograph(SOPInstanceUID=first.SOPInstanceUID, PatientSex="F")
    carpus_env.servers.postgres.stop()
    try:
        for data_set in (first, second, first):
            assert listener.send(data_set) == 0x0000
        assert len(listener.inbox()) == 3
        poll(written, lambda log: "server_away" in log)
    finally:
        carpus_env.servers.postgres.start()
    listener.listener.sweep.sweep()
    assert [(row.revision, row.patient_sex) for row in rows()] == [(1, "M"), (2, "F"), (3, "M")]
    assert listener.inbox() == []
    assert len(messages(carpus_env)) == 3
    assert (written().count("server_away"), written().count("server_back")) == (1, 1)


def test_a_lost_message_is_published_again_and_a_present_one_is_not(
    listener: Running, carpus_env: CarpusEnvironment
) -> None:
    listener.send(hand_radiograph())
    poll(lambda: messages(carpus_env), lambda found: len(found) == 1)
    sweep_when_overdue(listener)
    assert len(messages(carpus_env)) == 1
    with redis.Redis.from_url(carpus_env.servers.broker_url) as client:
        client.flushall()
    sweep_when_overdue(listener)
    assert len(messages(carpus_env)) == 1


def test_a_delivery_that_is_due_is_published_and_one_that_waits_is_not(
    listener: Running, carpus_env: CarpusEnvironment
) -> None:
    def queued() -> list[list[int]]:
        return [json.loads(b64decode(message["body"]))[0] for message in messages(carpus_env, "deliver")]

    planned(add_result(carpus_env.store))
    for _ in range(2):
        listener.listener.sweep.sweep()
        assert queued() == [[1]]  # for both objects
    with redis.Redis.from_url(carpus_env.servers.broker_url) as client:
        client.flushall()
    with transaction() as session:
        session.execute(text("UPDATE delivery SET due_at = now() + interval '1 hour'"))
    listener.listener.sweep.sweep()
    assert queued() == []
    with transaction() as session:  # whoever sent it died
        session.execute(text("UPDATE delivery SET state = 'SENDING', attempts = 1, due_at = now() - interval '1 s'"))
    listener.listener.sweep.sweep()
    listener.listener.sweep.sweep()
    assert queued() == [[1]]  # for both objects


def test_what_was_stored_while_redis_was_away_is_published_when_it_is_back(
    listener: Running, carpus_env: CarpusEnvironment, written: Callable[[], str]
) -> None:
    carpus_env.servers.redis.stop()
    try:
        assert listener.send(hand_radiograph()) == 0x0000
        assert [row.state for row in registered(1)] == [State.RECEIVED]
        poll(written, lambda log: "server_away" in log)
    finally:
        carpus_env.servers.redis.start()
    assert messages(carpus_env) == []
    sweep_when_overdue(listener)
    assert len(messages(carpus_env)) == 1
    assert (written().count("server_away"), written().count("server_back")) == (1, 1)


def test_a_claim_that_lapsed_waits_again(listener: Running, carpus_env: CarpusEnvironment) -> None:
    listener.send(hand_radiograph())
    registered(1)
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET state = 'READING', attempts = 1, due_at = now() - interval '1 s'"))
    listener.listener.sweep.sweep()
    assert [row.state for row in rows()] == [State.RECEIVED]


def test_what_waits_beyond_the_attempts_allowed_is_ended(listener: Running) -> None:
    listener.send(hand_radiograph())
    registered(1)
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET attempts = 3"))
    poll(lambda: swept(listener), lambda seen: seen == [State.FAILED])


def swept(listener: Running) -> list[str]:
    """Sweep, unless the listener's own first sweep is still under way, and return the states."""
    listener.listener.sweep.sweep()
    return [row.state for row in rows()]


def sweep_when_overdue(listener: Running) -> None:
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET due_at = now() - interval '1 s'"))
    listener.listener.sweep.sweep()


def test_a_crash_anywhere_between_file_and_row_is_finished_by_the_sweep(
    listener: Running, carpus_env: CarpusEnvironment
) -> None:
    listener.send(hand_radiograph())
    (row,) = registered(1)
    poll(listener.inbox, lambda left: left == [])
    left_behind(listener, row)  # as after a crash between commit and unlink
    listener.listener.sweep.sweep()
    assert listener.inbox() == []
    assert rows() == [row]
    with transaction() as session:
        session.execute(text("DELETE FROM radiograph"))
    left_behind(listener, row)  # as after a crash between link and commit
    listener.listener.sweep.sweep()
    assert listener.inbox() == []
    assert [(again.sha256, again.received_at) for again in rows()] == [(row.sha256, row.received_at)]


def left_behind(listener: Running, row: Row[Any]) -> Path:
    """Put a registered object back into the inbox, under the name that it had there."""
    arrived_us = (row.received_at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    path = listener.store / "inbox" / Arrival(row.sop_instance_uid, row.sha256, arrived_us * 1000).file_name
    path.hardlink_to(listener.store / row.object_path)
    return path


def test_a_file_left_behind_is_not_taken_for_one_sent_again(listener: Running) -> None:
    first = hand_radiograph(PatientSex="M")
    listener.send(first)
    (row,) = registered(1)
    poll(listener.inbox, lambda left: left == [])
    left_behind(listener, row)
    listener.send(hand_radiograph(SOPInstanceUID=first.SOPInstanceUID, PatientSex="F"))
    poll(listener.inbox, lambda left: left == [])
    assert [(row.patient_sex, row.superseded_at is None) for row in rows()] == [("M", False), ("F", True)]


def test_a_file_that_another_registers_meanwhile_is_left_to_it(listener: Running) -> None:
    first = hand_radiograph(PatientSex="M")
    listener.send(first)
    registered(1)
    listener.send(hand_radiograph(SOPInstanceUID=first.SOPInstanceUID, PatientSex="F"))
    earlier, later = registered(2)
    poll(listener.inbox, lambda left: left == [])
    with transaction() as other:
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:uid, 0))")
        other.execute(lock, {"uid": first.SOPInstanceUID})
        path = left_behind(listener, earlier)
        sweep = threading.Thread(target=listener.listener.sweep.sweep)
        sweep.start()
        poll(lambda: rows("SELECT pid FROM pg_locks WHERE NOT granted"), bool)
        path.unlink()
    sweep.join()
    assert rows() == [earlier, later]


def test_one_listener_sweeps_at_a_time(listener: Running) -> None:
    from dicom_listener import sweep as module

    listener.send(hand_radiograph())
    (row,) = registered(1)
    poll(listener.inbox, lambda left: left == [])
    left_behind(listener, row)
    with transaction() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:a, :b)"), dict(zip("ab", module._LOCK, strict=True)))
        listener.listener.sweep.sweep()
        assert len(listener.inbox()) == 1
    listener.listener.sweep.sweep()
    assert listener.inbox() == []


def test_an_unfinished_file_that_cannot_be_removed_is_told_once_and_holds_nothing_up(
    listener: Running, written: Callable[[], str]
) -> None:
    listener.send(hand_radiograph())
    (row,) = registered(1)
    poll(listener.inbox, lambda left: left == [])
    stuck = listener.store / "incoming" / "x.part"
    stuck.mkdir()
    os.utime(stuck, (1, 1))
    left_behind(listener, row)
    for _ in range(2):
        listener.listener.sweep.sweep()
    assert listener.inbox() == []
    assert written().count("unfinished_files_not_removed") == 1


def test_a_file_nobody_foresaw_is_told_once_and_holds_nothing_up(listener: Running, written: Callable[[], str]) -> None:
    (listener.store / "inbox" / f"1.2.{'a' * 64}.1.dcm").write_bytes(b"no DICOM file")
    listener.send(hand_radiograph())
    listener.listener.sweep.sweep()
    listener.listener.sweep.sweep()
    registered(1)
    assert written().count("registration_failed") == 1


def test_a_file_that_was_registered_after_all_is_told_of_again_when_it_fails_again(
    listener: Running, written: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dicom_listener import register

    path = listener.store / "inbox" / Arrival("1.2", "a" * 64, 1).file_name
    for is_broken in (True, False, True):
        with monkeypatch.context() as broken:
            if is_broken:
                broken.setattr(register, "transaction", None)
            listener.listener.registrar.register(path)
    assert written().count("registration_failed") == 2
