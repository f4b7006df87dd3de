"""What the sweep does with rows whose time has passed, also where the database's clock jumps or a setting changes."""

import pytest
from sqlalchemy import text, update

from db import clock, overdue, settings, states, steps
from db.session import transaction
from db.steps import READ
from db.tables import Radiograph
from db.vocabulary import State
from tests.db.claiming import LEASE_SECONDS, claim_of, let_time_pass, new_row, row_of, try_claim

pytestmark = pytest.mark.usefixtures("carpus_env")


def test_a_silent_worker_costs_an_attempt_and_the_third_one_fails_it() -> None:
    radiograph_id = new_row()
    for _ in range(3):
        claim_of(radiograph_id)
        let_time_pass(radiograph_id)
        with transaction() as session:
            assert overdue.expire_claims(session, READ) == 1
    row = row_of(radiograph_id)
    assert row.state == State.FAILED
    assert row.state_reason == "the read worker died or hung on it; attempts allowed: 3"


def test_a_claim_that_still_holds_is_not_expired() -> None:
    claim_of(new_row())
    with transaction() as session:
        assert overdue.expire_claims(session, READ) == 0


def test_only_overdue_radiographs_are_published_again_and_only_once() -> None:
    due, fresh = new_row(sop_instance_uid="1.1"), new_row(sop_instance_uid="1.2")
    let_time_pass(due)
    with transaction() as session:
        session.execute(update(Radiograph).where(Radiograph.id == fresh).values(due_at=clock.in_seconds(30)))
    with transaction() as session:
        assert overdue.waiting_count(session, READ) == 2
        assert overdue.take_overdue(session, READ, limit=10) == [due]
    with transaction() as session:
        assert overdue.take_overdue(session, READ, limit=10) == []


def test_no_more_are_published_than_asked_for_and_the_longest_overdue_first() -> None:
    later, sooner = new_row(sop_instance_uid="1.1"), new_row(sop_instance_uid="1.2")
    with transaction() as session:
        for radiograph_id, seconds in ((later, -5), (sooner, -50)):
            session.execute(
                update(Radiograph).where(Radiograph.id == radiograph_id).values(due_at=clock.in_seconds(seconds))
            )
    with transaction() as session:
        assert overdue.take_overdue(session, READ, limit=1) == [sooner]


def test_what_waits_with_more_attempts_used_than_are_allowed_now_ends_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twice, once = new_row(sop_instance_uid="1.1"), new_row(sop_instance_uid="1.2")
    for radiograph_id in (twice, twice, once):
        with transaction() as session:
            states.retry_later(session, claim_of(radiograph_id), "the disk is away", 0)
    monkeypatch.setenv("CARPUS_ATTEMPTS", "2")
    settings.shared.cache_clear()
    assert try_claim(twice) is None
    with transaction() as session:
        assert [overdue.end_used_up(session, step) for step in steps.STEPS] == [1, 0]
    row = row_of(twice)
    assert (row.state, row.due_at, row.ended_at is None) == (State.FAILED, None, False)
    assert row.state_reason == (
        "its attempts are used up: CARPUS_ATTEMPTS allows 2 now; the last one failed: the disk is away"
    )
    assert try_claim(once) is not None


def _set_clock_back(seconds: float) -> None:
    """Let what was written until now have been written by a clock that was so much later."""
    with transaction() as session:
        later = {"s": seconds}
        for column in ("due_at", "due_set_at", "waiting_since"):
            session.execute(text(f"UPDATE radiograph SET {column} = {column} + make_interval(secs => :s)"), later)


def _due_in_seconds(radiograph_id: int) -> float:
    with transaction() as session:
        due = text("SELECT extract(epoch FROM due_at - clock_timestamp()) FROM radiograph WHERE id = :id")
        return float(session.execute(due, {"id": radiograph_id}).scalar_one())


def _mended() -> int:
    with transaction() as session:
        return overdue.mend_due_times(session)


JUMPS_SECONDS = pytest.mark.parametrize("jump_seconds", [10.0, 100.0, 3600.0])


@JUMPS_SECONDS
def test_a_clock_set_back_prolongs_no_claim_and_no_wait_however_many_sweeps_look(jump_seconds: float) -> None:
    claimed, waiting = new_row(sop_instance_uid="1.1"), new_row(sop_instance_uid="1.2")
    claim_of(claimed)
    with transaction() as session:
        states.retry_later(session, claim_of(waiting), "the disk is away", 20)
    _set_clock_back(jump_seconds)
    after = new_row(sop_instance_uid="1.3")
    claim_of(after)
    assert [_mended(), _mended()] == [2, 0]
    for radiograph_id, seconds in ((claimed, LEASE_SECONDS), (waiting, 20), (after, LEASE_SECONDS)):
        assert seconds - 5 < _due_in_seconds(radiograph_id) <= seconds, radiograph_id


@JUMPS_SECONDS
def test_what_was_made_due_long_before_the_jump_ends_within_the_time_it_was_given(jump_seconds: float) -> None:
    radiograph_id = new_row()
    claim_of(radiograph_id)
    _set_clock_back(-50)  # 50 s pass
    _set_clock_back(jump_seconds)
    _mended()
    assert _due_in_seconds(radiograph_id) <= LEASE_SECONDS


@pytest.mark.parametrize("columns", [{}, {"due_at": text("now() + interval '1 day'")}])
def test_with_a_steady_clock_nothing_is_mended(columns: dict[str, object]) -> None:
    claim_of(new_row(**columns))
    new_row(sop_instance_uid="1.2", **columns)
    assert _mended() == 0


def test_a_claim_after_the_clock_was_set_back_has_waited_no_negative_time() -> None:
    radiograph_id = new_row()
    _set_clock_back(3600)
    assert claim_of(radiograph_id).waited_ms == 0
