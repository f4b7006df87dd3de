"""The health check of a worker: well while it works or has nothing to do, ill when it answers and takes nothing."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from db import steps
from db.session import transaction
from db.steps import STEPS, Step
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph
from tests.worker.working import ROOT, Working, rows, wait_until
from worker.app import app, enqueue, next_message

pytestmark = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.queue)


def _health(step: Step, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "worker.health", step.queue, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


def _add(step: Step, *names: str) -> None:
    with transaction() as session:
        ids = [
            add_radiograph(session, f"1.2.{number}", patient_id=name, state=step.waiting)
            for number, name in enumerate(names)
        ]
    for radiograph_id in ids:
        enqueue(step.queue, radiograph_id)


def test_a_worker_that_works_or_has_nothing_to_do_is_well(working: Callable[..., Working], step: Step) -> None:
    worker = working(step.queue)
    worker.wait_for_event("ready.")
    assert _health(step) == (0, "")
    _add(step, "hangs", "hangs in a library", "takes a while 1", "takes a while 2", "takes a while 3")
    wait_until(lambda: sum(row.state == step.working for row in rows().values()) == 2, rows)
    assert next_message(step.queue) is not None  # two are in hand, and others wait behind them
    assert _health(step) == (0, "")


def test_a_worker_that_answers_and_takes_nothing_is_ill_and_ended(working: Callable[..., Working], step: Step) -> None:
    worker = working(step.queue)
    worker.wait_for_event("ready.")
    app.control.cancel_consumer(step.queue, reply=True)  # as after the reconnections of celery#8030
    _add(step, "takes a while 1")
    status, said = _health(step, "--patience-seconds=2")
    assert (status, said.partition(";")[0]) == (
        1,
        f"carpus: messages wait in the queue {step.queue} and nobody takes them",
    )
    wait_until(lambda: not worker.is_alive, rows)
    with transaction() as session:
        assert not steps.is_at_work(session, step)


def test_nobody_is_blamed_for_a_server_that_is_away(carpus_env: CarpusEnvironment, step: Step) -> None:
    carpus_env.servers.redis.stop()
    status, said = _health(step)
    assert status == 0
    assert said.startswith("carpus: a server is away")
