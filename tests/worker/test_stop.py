"""A worker that is told to stop in full work: in time, nothing lost, nothing twice, and no attempt charged."""

import os
from collections.abc import Callable
from signal import SIGQUIT

import pytest
import redis

from db.session import transaction
from db.steps import STEPS, Step
from db.tables import Radiograph
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph
from tests.worker.working import Working, rows, sweep_until, wait_until
from worker.app import enqueue

pytestmark = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.queue)


def _add(step: Step, *names: str) -> None:
    with transaction() as session:
        ids = [
            add_radiograph(session, f"1.2.{number}", patient_id=name, state=step.waiting)
            for number, name in enumerate(names)
        ]
    for radiograph_id in ids:
        enqueue(step.queue, radiograph_id)


def _in_hand(step: Step) -> list[Radiograph]:
    return [row for row in rows().values() if row.state == step.working]


@pytest.mark.long  # `tests/faults` stops each of them in the short form too
def test_a_stop_in_full_work_loses_nothing_and_doubles_nothing(
    working: Callable[..., Working], carpus_env: CarpusEnvironment, step: Step
) -> None:
    first = working(step.queue)
    _add(step, *(f"takes a while {number}" for number in range(12)))
    wait_until(lambda: len(_in_hand(step)) == 2 and any(row.state == step.done for row in rows().values()), rows)
    assert first.stop() == 0
    stopped = rows().values()
    waiting = [(row.state, row.attempts) for row in stopped if row.state != step.done]
    assert set(waiting) == {(step.waiting, 0)}
    with redis.Redis.from_url(carpus_env.servers.broker_url) as client:
        assert (client.llen(step.queue), client.hlen("unacked")) == (len(waiting), 0)
    working(step.queue)
    done = sweep_until(lambda found: all(row.state == step.done for row in found.values()))
    assert [(row.reads, row.state_reason) for row in done.values()] == [(1, None)] * 12


def test_what_cannot_be_finished_in_time_is_given_back_however_often(
    working: Callable[..., Working], step: Step
) -> None:
    _add(step, "hangs", "takes a while 1")
    for _ in range(2):  # the first would be the last attempt, were it charged
        worker = working(step.queue, CARPUS_WORKER_STOP_SECONDS="1", CARPUS_ATTEMPTS="1")
        sweep_until(lambda found: found["hangs"].state == step.working)
        assert worker.stop() == 0
        row = rows()["hangs"]
        assert (row.state, row.attempts, row.state_reason) == (step.waiting, 0, None)
    # What it was given back for comes at once to another worker, not only after a lease.
    working(step.queue)
    sweep_until(lambda found: found["hangs"].state == step.working and found["takes a while 1"].state == step.done)


def test_a_hard_stop_charges_nothing_either(working: Callable[..., Working], step: Step) -> None:
    worker = working(step.queue, CARPUS_WORKER_STOP_SECONDS="1")
    _add(step, "hangs")
    wait_until(lambda: len(_in_hand(step)) == 1, rows)
    assert worker.pid is not None
    os.kill(worker.pid, SIGQUIT)
    wait_until(lambda: not worker.is_alive, rows)
    (row,) = rows().values()
    assert (row.state, row.attempts) == (step.waiting, 0)
