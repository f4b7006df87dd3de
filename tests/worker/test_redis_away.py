"""A Redis that is away or full: whoever publishes is not held up, and workers wait for it and go on."""

from collections.abc import Callable

import pytest
import redis
from kombu.exceptions import OperationalError

from db.session import transaction
from db.steps import STEPS, Step
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph
from tests.worker.working import Working, rows, states_seen, sweep_until, wait_until
from worker.app import enqueue, queue_length

ROUNDS = 2


@pytest.mark.parametrize("ask", [lambda: enqueue("read", 1), lambda: queue_length("read")], ids=["publish", "count"])
def test_nobody_waits_for_a_redis_that_is_away(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch, ask: Callable[[], None]
) -> None:
    queue_length("read")  # with connections made before it went
    slept_seconds: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", slept_seconds.append)
    carpus_env.servers.redis.stop()
    for _ in range(2):
        with pytest.raises(OperationalError):
            ask()
    assert sum(slept_seconds) == 0


def test_a_full_redis_is_away_in_the_same_words(carpus_env: CarpusEnvironment) -> None:
    enqueue("read", 1)
    with redis.Redis.from_url(carpus_env.servers.broker_url) as client:
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(OperationalError):
                enqueue("read", 2)
            with pytest.raises(OperationalError):
                queue_length("read")
        finally:
            client.config_set("maxmemory", 0)
    assert queue_length("read") == 1


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.queue)
def test_a_worker_outlives_a_full_redis(
    working: Callable[..., Working], carpus_env: CarpusEnvironment, step: Step
) -> None:
    worker = working(step.queue)
    worker.wait_for_event("ready.")
    with transaction() as session:
        for number in range(6):
            add_radiograph(session, f"1.2.{number}", patient_id=f"takes a while {number}", state=step.waiting)
    for radiograph_id in range(1, 7):
        enqueue(step.queue, radiograph_id)
    with redis.Redis.from_url(carpus_env.servers.broker_url) as client:
        client.config_set("maxmemory", 1)
        try:
            worker.wait_for_event("maxmemory")
        finally:
            client.config_set("maxmemory", 0)
    done = sweep_until(lambda found: all(row.state == step.done for row in found.values()))
    assert [row.reads for row in done.values()] == [1] * 6
    assert worker.is_alive


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.queue)
def test_a_worker_outlives_a_redis_that_dies_while_it_works_and_listens(
    working: Callable[..., Working], carpus_env: CarpusEnvironment, step: Step
) -> None:
    worker = working(step.queue)
    worker.wait_for_event("ready.")
    for number in range(1, ROUNDS + 1):
        name = f"takes a while {number}"
        with transaction() as session:
            add_radiograph(session, f"1.2.{number}", patient_id=name, state=step.waiting)
        enqueue(step.queue, number)
        wait_until(lambda: rows()[name].state == step.working, states_seen)  # noqa: B023  called at once
        carpus_env.servers.redis.kill()
        carpus_env.servers.redis.start()
        worker.wait_for_event("Trying to re-establish", times=number)
        worker.wait_for_event("Connected to redis", times=number + 1)
        assert worker.is_alive
    sweep_until(lambda found: all(row.state == step.done for row in found.values()))
    assert worker.is_alive
