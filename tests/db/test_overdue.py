"""What the sweep does with rows whose time has passed, also where the database's clock jumps or a setting changes."""

import pytest
from sqlalchemy import text, update

from db import overdue, settings, states
from db.session import transaction
from db.states import READ, Claim
from db.tables import Radiograph
from db.vocabulary import State
from tests.rows import add_radiograph

pytestmark = pytest.mark.usefixtures("carpus_env")
LEASE_SECONDS = 60.0


def _new(**columns: object) -> int:
    with transaction() as session:
        return add_radiograph(session, **columns)


def _claim(radiograph_id: int, step: states.Step = READ) -> Claim | None:
    with transaction() as session:
        return states.claim(session, radiograph_id, step, LEASE_SECONDS)


def _claimed(radiograph_id: int, step: states.Step = READ) -> Claim:
    claim = _claim(radiograph_id, step)
    assert claim is not None
    return claim


def _row(radiograph_id: int) -> Radiograph:
    with transaction() as session:
        return session.get_one(Radiograph, radiograph_id)


def _let_time_pass(radiograph_id: int) -> None:
    with transaction() as session:
        session.execute(
            update(Radiograph).where(Radiograph.id == radiograph_id).values(due_at=text("now() - interval '1 second'"))
        )


def test_a_silent_worker_costs_an_attempt_and_the_third_one_fails_it() -> None:
    radiograph_id = _new()
    for _ in range(3):
        _claimed(radiograph_id)
        _let_time_pass(radiograph_id)
        with transaction() as session:
            assert overdue.expire_claims(session, READ) == 1
    row = _row(radiograph_id)
    assert row.state == State.FAILED
    assert row.state_reason == "the read worker died or hung on it; attempts allowed: 3"


def test_a_claim_that_still_holds_is_not_expired() -> None:
    _claimed(_new())
    with transaction() as session:
        assert overdue.expire_claims(session, READ) == 0


def test_only_overdue_radiographs_are_published_again_and_only_once() -> None:
    due, fresh = _new(sop_instance_uid="1.1"), _new(sop_instance_uid="1.2")
    _let_time_pass(due)
    with transaction() as session:
        session.execute(update(Radiograph).where(Radiograph.id == fresh).values(due_at=states.in_seconds(30)))
    with transaction() as session:
        assert overdue.waiting_count(session, READ) == 2
        assert overdue.take_overdue(session, READ, limit=10) == [due]
    with transaction() as session:
        assert overdue.take_overdue(session, READ, limit=10) == []


def test_no_more_are_published_than_asked_for_and_the_longest_overdue_first() -> None:
    later, sooner = _new(sop_instance_uid="1.1"), _new(sop_instance_uid="1.2")
    with transaction() as session:
        for radiograph_id, seconds in ((later, -5), (sooner, -50)):
            session.execute(
                update(Radiograph).where(Radiograph.id == radiograph_id).values(due_at=states.in_seconds(seconds))
            )
    with transaction() as session:
        assert overdue.take_overdue(session, READ, limit=1) == [sooner]


def test_what_waits_with_more_attempts_used_than_are_allowed_now_ends_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twice, once = _new(sop_instance_uid="1.1"), _new(sop_instance_uid="1.2")
    for radiograph_id in (twice, twice, once):
        with transaction() as session:
            states.retry_later(session, _claimed(radiograph_id), "the disk is away", 0)
    monkeypatch.setenv("CARPUS_ATTEMPTS", "2")
    settings.shared.cache_clear()
    assert _claim(twice) is None
    with transaction() as session:
        assert [overdue.end_used_up(session, step) for step in states.STEPS] == [1, 0]
    row = _row(twice)
    assert (row.state, row.due_at, row.ended_at is None) == (State.FAILED, None, False)
    assert row.state_reason == (
        "its attempts are used up: CARPUS_ATTEMPTS allows 2 now; the last one failed: the disk is away"
    )
    assert _claim(once) is not None
