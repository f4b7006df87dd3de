"""Each transition of a radiograph, and what keeps two workers from doing the same one."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from db import overdue, states
from db.requeue import requeue
from db.session import transaction
from db.states import Claim, LapsedClaimError
from db.steps import ASSESS, READ
from db.vocabulary import State
from tests.db.claiming import LEASE_SECONDS, claim_of, let_time_pass, new_row, row_of, try_claim

pytestmark = pytest.mark.usefixtures("carpus_env")


def test_a_radiograph_goes_the_whole_way() -> None:
    radiograph_id = new_row()
    with transaction() as session:
        states.finish(session, claim_of(radiograph_id), read_ms=12.0)
    row = row_of(radiograph_id)
    assert (row.state, row.attempts, row.read_ms) == (State.READ, 0, 12.0)
    with transaction() as session:
        states.finish(session, claim_of(radiograph_id, ASSESS))
    row = row_of(radiograph_id)
    assert row.state == State.COMPLETED
    assert row.due_at is None
    assert row.ended_at is not None


def test_only_one_worker_gets_a_radiograph() -> None:
    radiograph_id = new_row()
    assert try_claim(radiograph_id) is not None
    assert try_claim(radiograph_id) is None


def test_a_radiograph_is_not_assessed_before_it_is_read() -> None:
    assert try_claim(new_row(), ASSESS) is None


def test_a_lapsed_claim_is_taken_over_and_its_first_holder_can_write_nothing() -> None:
    radiograph_id = new_row()
    first = claim_of(radiograph_id)
    let_time_pass(radiograph_id)
    second = claim_of(radiograph_id)
    assert (first.attempt, second.attempt) == (1, 2)
    with pytest.raises(LapsedClaimError), transaction() as session:
        states.finish(session, first, read_ms=1.0)
    with transaction() as session:
        states.finish(session, second, read_ms=2.0)
    assert row_of(radiograph_id).read_ms == 2.0


def _give_back(held: Claim) -> None:
    with transaction() as session:
        states.give_back(session, held)


def _begin_again(held: Claim) -> None:
    with transaction() as session:
        states.reject(session, held, "two frames")
    with transaction() as session:
        assert requeue(session, held.radiograph.id) is None


@pytest.mark.parametrize("ended", [_give_back, _begin_again])
def test_a_late_worker_ends_no_later_claim_of_the_same_attempt(ended: Callable[[Claim], None]) -> None:
    radiograph_id = new_row()
    first = claim_of(radiograph_id)
    ended(first)
    second = claim_of(radiograph_id)
    assert (first.attempt, second.attempt) == (1, 1)
    for late in (
        lambda session: states.finish(session, first),
        lambda session: states.retry_later(session, first, "the disk is away", 0),
        lambda session: states.give_back(session, first),
    ):
        with pytest.raises(LapsedClaimError), transaction() as session:
            late(session)
    assert row_of(radiograph_id).state == State.READING
    with transaction() as session:
        states.finish(session, second)


def test_a_claim_given_back_waits_at_once_as_if_it_had_never_been() -> None:
    radiograph_id = new_row(due_at=text("now() + interval '1 hour'"))
    held = claim_of(radiograph_id)
    with transaction() as session:
        states.give_back(session, held)
    row = row_of(radiograph_id)
    assert (row.state, row.attempts) == (State.RECEIVED, 0)
    with transaction() as session:
        assert overdue.take_overdue(session, READ, limit=1) == [radiograph_id]


def test_a_claim_is_a_tasks_only_if_it_was_taken_since_the_task_began() -> None:
    radiograph_id = new_row()
    assert _claim_of_task(radiograph_id, age_seconds=1) is None
    claimed = claim_of(radiograph_id)
    assert _claim_of_task(radiograph_id, age_seconds=0) is None
    found = _claim_of_task(radiograph_id, age_seconds=1)
    assert found is not None
    assert (found.radiograph.id, found.token) == (radiograph_id, claimed.token)
    with transaction() as session:
        assert states.claim_of_task(session, radiograph_id, ASSESS, LEASE_SECONDS, 1) is None


def _claim_of_task(radiograph_id: int, age_seconds: float) -> Claim | None:
    with transaction() as session:
        return states.claim_of_task(session, radiograph_id, READ, LEASE_SECONDS, age_seconds)


def test_a_permanent_reason_ends_it_at_once() -> None:
    radiograph_id = new_row()
    with transaction() as session:
        states.reject(session, claim_of(radiograph_id), "no pixel data")
    row = row_of(radiograph_id)
    assert (row.state, row.state_reason) == (State.REJECTED, "no pixel data")
    assert try_claim(radiograph_id) is None


def test_the_third_attempt_is_the_last() -> None:
    radiograph_id = new_row()
    seen = []
    for _ in range(3):
        with transaction() as session:
            seen.append(states.retry_later(session, claim_of(radiograph_id), "the disk is away", 0))
    assert seen == [State.RECEIVED, State.RECEIVED, State.FAILED]
    row = row_of(radiograph_id)
    assert (row.attempts, row.state_reason) == (3, "the disk is away")
    assert try_claim(radiograph_id) is None


def test_the_time_a_radiograph_waited_is_told_with_the_claim() -> None:
    radiograph_id = new_row(waiting_since=text("now() - interval '2 seconds'"))
    assert 2000 <= claim_of(radiograph_id).waited_ms < 60_000
