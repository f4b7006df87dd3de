"""An hour's work in short: many radiographs from sixteen senders, and a random fault every few seconds."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
import pytest
import redis

from carpus.processes import LISTENER
from tests.faults.resources import Resources
from tests.faults.trial import Plant, Trial

SENDERS = 16
PAUSE_SECONDS = 3.0  # between two of a sender's: five a second in all, so that what is waited for is no backlog
WATCHED = (LISTENER, "read", "assess")

Fault = Callable[[], None]


def _kills(plant: Plant) -> list[Fault]:
    return [plant.stack.processes[name].kill for name in WATCHED]


def _server_faults(plant: Plant) -> list[Fault]:
    def flush() -> None:
        with redis.Redis.from_url(plant.stack.redis.url) as client:
            client.flushall()

    def cut() -> None:
        with plant.database() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    return [plant.stack.redis.kill, plant.stack.postgres.kill, flush, cut]


@pytest.mark.timeout(3600)
def test_a_thousand_radiographs_while_anything_dies(plant: Plant) -> None:
    with plant.trial("80", "soak: anything killed, emptied or cut every few seconds") as trial:
        _soak(plant, trial, plant.rounds(short=32, long=1000), [*_kills(plant), *_server_faults(plant)])


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_radiographs_while_servers_die_leave_nothing_behind_in_the_processes(plant: Plant) -> None:
    with plant.trial("81", "soak: servers killed, emptied or cut every few seconds") as trial:
        with trial.sending(300, senders=SENDERS):
            trial.fault_is_over()
        trial.recover()
        plant.pause(2)
        before, pids = [plant.resources(name) for name in WATCHED], _pids(plant)
        trial.rounds = 0
        _soak(plant, trial, 1000, _server_faults(plant))
        with trial.sending(300, senders=SENDERS):
            pass
        trial.recover()
        plant.pause(2)
        after = [plant.resources(name) for name in WATCHED]
    assert _pids(plant) == pids, "a process ended though only servers were killed"
    for name, first, last in zip(WATCHED, before, after, strict=True):
        _assert_no_more_is_held(name, first, last)


def _soak(plant: Plant, trial: Trial, count: int, faults: Sequence[Fault]) -> None:
    with trial.sending(count, senders=SENDERS, pause_seconds=PAUSE_SECONDS) as modalities:
        while not modalities.are_done:
            plant.pause(plant.chance.uniform(2, 5))
            with suppress(psycopg.OperationalError, redis.ConnectionError):  # what was killed is not back yet
                plant.chance.choice(faults)()
            trial.fault_is_over()
    trial.recover()


def _pids(plant: Plant) -> list[int | None]:
    return [plant.stack.processes[name].pid for name in WATCHED]


def _assert_no_more_is_held(name: str, first: Resources, last: Resources) -> None:
    for held in ("memory_bytes", "threads", "open_files"):
        assert getattr(last, held) <= 1.1 * getattr(first, held), (name, held, first, last)
