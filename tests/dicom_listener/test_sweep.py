"""What was away comes back: PostgreSQL, Redis, messages, workers. Nothing is lost, and nothing comes twice."""

import pytest
import redis
from sqlalchemy import text

from db import log
from db.session import transaction
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Running, messages, poll, registered, rows
from tests.objects import hand_radiograph


def test_a_stopped_database_does_not_stop_a_sender(listener: Running, carpus_env: CarpusEnvironment) -> None:
    uid = hand_radiograph().SOPInstanceUID
    carpus_env.servers.postgres.stop()
    try:
        assert listener.send(hand_radiograph(SOPInstanceUID=uid, PatientSex="M")) == 0x0000
        assert listener.send(hand_radiograph(SOPInstanceUID=uid, PatientSex="F")) == 0x0000
        assert len(listener.inbox()) == 2
    finally:
        carpus_env.servers.postgres.start()
    listener.listener.sweep.sweep()
    assert [(row.revision, row.patient_sex) for row in rows()] == [(1, "M"), (2, "F")]
    assert listener.inbox() == []
    assert len(messages(carpus_env)) == 2


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


def test_what_was_stored_while_redis_was_away_is_published_when_it_is_back(
    listener: Running, carpus_env: CarpusEnvironment
) -> None:
    carpus_env.servers.redis.stop()
    try:
        assert listener.send(hand_radiograph()) == 0x0000
        assert [row.state for row in registered(1)] == [State.RECEIVED]
    finally:
        carpus_env.servers.redis.start()
    poll(listener.inbox, lambda left: left == [])
    sweep_when_overdue(listener)
    assert len(poll(lambda: messages(carpus_env), bool)) >= 1


def test_a_claim_that_lapsed_waits_again(listener: Running, carpus_env: CarpusEnvironment) -> None:
    listener.send(hand_radiograph())
    registered(1)
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET state = 'READING', attempts = 1, due_at = now() - interval '1 s'"))
    listener.listener.sweep.sweep()
    assert [row.state for row in rows()] == [State.RECEIVED]


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
    stored = listener.store / row.object_path
    left_behind = listener.store / "inbox" / stored.name
    left_behind.hardlink_to(stored)  # as after a crash between commit and unlink
    listener.listener.sweep.sweep()
    assert listener.inbox() == []
    assert rows() == [row]
    with transaction() as session:
        session.execute(text("DELETE FROM radiograph"))
    left_behind.hardlink_to(stored)  # as after a crash between link and commit
    listener.listener.sweep.sweep()
    assert listener.inbox() == []
    assert [(again.sha256, again.received_at) for again in rows()] == [(row.sha256, row.received_at)]


def test_one_listener_sweeps_at_a_time(listener: Running) -> None:
    from dicom_listener import sweep as module

    with transaction() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:a, :b)"), dict(zip("ab", module._LOCK, strict=True)))
        (listener.store / "inbox" / f"1.2.{'a' * 64}.dcm").touch()
        listener.listener.sweep.sweep()
        assert len(listener.inbox()) == 1


def test_a_file_nobody_foresaw_is_told_once_and_holds_nothing_up(
    listener: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("test")
    (listener.store / "inbox" / f"1.2.{'a' * 64}.dcm").write_bytes(b"no DICOM file")
    listener.send(hand_radiograph())
    listener.listener.sweep.sweep()
    listener.listener.sweep.sweep()
    registered(1)
    assert capsys.readouterr().err.count("registration_failed") == 1
