"""An hour's work in short: many radiographs from sixteen senders, and a random fault every few seconds."""

from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest
import redis

from carpus.processes import LISTENER
from tests.faults.trial import Plant

SENDERS = 16
PAUSE_SECONDS = 3.0  # between two of a sender's: five a second in all, so that what is waited for is no backlog
WATCHED = (LISTENER, "read", "assess")


def _faults(plant: Plant) -> list[Callable[[], None]]:
    """Return what happens at random; the supervisor puts right what needs it."""
    processes = plant.stack.processes

    def flush() -> None:
        with redis.Redis.from_url(plant.stack.redis.url) as client:
            client.flushall()

    def cut() -> None:
        with plant.database() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    kills = [processes[name].kill for name in WATCHED]
    return [*kills, plant.stack.redis.kill, plant.stack.postgres.kill, flush, cut]


@pytest.mark.timeout(3600)
def test_two_thousand_radiographs_under_random_faults(plant: Plant) -> None:
    count = plant.rounds(short=48, long=2000)
    with plant.trial("80", "soak: a random fault every few seconds") as trial:
        with trial.sending(plant.rounds(short=24, long=200), senders=SENDERS):
            trial.fault_is_over()
        trial.recover()
        plant.pause(1)
        before = [plant.resources(name) for name in WATCHED]
        trial.rounds = 0
        faults = _faults(plant)
        with trial.sending(count, senders=SENDERS, pause_seconds=PAUSE_SECONDS) as modalities:
            while not modalities.are_done:
                plant.pause(plant.chance.uniform(2, 5))
                with suppress(psycopg.OperationalError, redis.ConnectionError):  # what was killed is not back yet
                    plant.chance.choice(faults)()
                trial.fault_is_over()
        trial.recover()
        with trial.sending(plant.rounds(short=24, long=200), senders=SENDERS):
            pass
        trial.recover()
        plant.pause(1)
        after = [plant.resources(name) for name in WATCHED]
    for held in ("memory_bytes", "threads", "open_files"):
        at_first, at_last = (sum(getattr(of_one, held) for of_one in found) for found in (before, after))
        assert at_last <= 1.1 * at_first, (held, before, after)
