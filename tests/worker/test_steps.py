"""The border of a task: whatever a step raises, the row says so and the worker lives on."""

from collections.abc import Callable
from typing import NoReturn

import pytest

from db import overdue, states
from db.errors import RejectedRadiographError, TransientError
from db.session import transaction
from db.states import Claim
from db.steps import ASSESS, READ
from db.tables import Radiograph
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph
from worker.radiograph import LostRadiographError
from worker.steps import perform


def _new() -> int:
    with transaction() as session:
        return add_radiograph(session)


def _row(radiograph_id: int) -> Radiograph:
    with transaction() as session:
        return session.get_one(Radiograph, radiograph_id)


def _raising(error: Exception) -> Callable[[Claim], NoReturn]:
    def work(_: Claim) -> NoReturn:
        raise error

    return work


def _finish(claim: Claim) -> None:
    with transaction() as session:
        states.finish(session, claim)


def test_a_second_message_does_nothing(carpus_env: CarpusEnvironment) -> None:
    radiograph_id = _new()
    worked: list[int] = []

    def work(claim: Claim) -> None:
        worked.append(claim.attempt)
        _finish(claim)

    perform(READ, radiograph_id, 60, work)
    perform(READ, radiograph_id, 60, work)
    assert worked == [1]


def test_a_message_for_a_row_that_is_not_there_does_nothing(carpus_env: CarpusEnvironment) -> None:
    perform(READ, 4711, 60, _raising(AssertionError("worked on nothing")))


def test_a_permanent_reason_is_kept_in_the_row(carpus_env: CarpusEnvironment) -> None:
    radiograph_id = _new()
    perform(READ, radiograph_id, 60, _raising(RejectedRadiographError("two frames")))
    row = _row(radiograph_id)
    assert (row.state, row.state_reason) == (State.REJECTED, "two frames")


def test_a_transient_trouble_is_tried_again_later_and_says_what_it_was(carpus_env: CarpusEnvironment) -> None:
    radiograph_id = _new()
    perform(READ, radiograph_id, 60, _raising(TransientError("the store is away")))
    row = _row(radiograph_id)
    assert (row.state, row.state_reason, row.attempts) == (State.RECEIVED, "the store is away", 1)


def test_an_unforeseen_error_names_its_kind_but_not_its_text(carpus_env: CarpusEnvironment) -> None:
    radiograph_id = _new()
    perform(READ, radiograph_id, 60, _raising(KeyError("Doe^Jane")))
    row = _row(radiograph_id)
    assert (row.state, row.state_reason) == (State.RECEIVED, "KeyError in the read; see the worker's log")


def test_a_stopped_database_leaves_the_message_to_the_sweep(carpus_env: CarpusEnvironment) -> None:
    radiograph_id = _new()
    carpus_env.servers.postgres.stop()
    perform(READ, radiograph_id, 60, _raising(AssertionError("worked without a claim")))
    carpus_env.servers.postgres.start()
    assert _row(radiograph_id).state == State.RECEIVED


def test_a_database_lost_in_the_middle_ends_no_worker_and_the_claim_lapses(carpus_env: CarpusEnvironment) -> None:
    radiograph_id = _new()

    def work(claim: Claim) -> None:
        carpus_env.servers.postgres.kill()
        _finish(claim)

    perform(READ, radiograph_id, 60, work)
    carpus_env.servers.postgres.start()
    row = _row(radiograph_id)
    assert (row.state, row.attempts) == (State.READING, 1)


@pytest.mark.parametrize("error", [RejectedRadiographError("late"), TransientError("late")])
def test_a_worker_whose_claim_lapsed_writes_nothing(carpus_env: CarpusEnvironment, error: Exception) -> None:
    radiograph_id = _new()

    def work(_: Claim) -> None:
        with transaction() as session:
            overdue.expire_claims(session, READ)
        raise error

    perform(READ, radiograph_id, 1e-6, work)
    row = _row(radiograph_id)
    assert (row.state, row.state_reason) == (State.RECEIVED, "the read worker died or hung on it; attempts allowed: 3")


def test_a_lost_standard_radiograph_is_made_again_but_not_for_ever(carpus_env: CarpusEnvironment) -> None:
    radiograph_id = _new()
    seen = []
    for _ in range(3):
        perform(READ, radiograph_id, 60, _read)
        perform(ASSESS, radiograph_id, 60, _raising(LostRadiographError("gone: read the object again")))
        seen.append(_row(radiograph_id).state)
    assert seen == [State.RECEIVED, State.RECEIVED, State.FAILED]
    assert _row(radiograph_id).state_reason == "gone: read the object again"


def _read(claim: Claim) -> None:
    with transaction() as session:
        states.finish(session, claim, reads=Radiograph.reads + 1)
