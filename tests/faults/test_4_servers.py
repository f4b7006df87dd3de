"""Redis and PostgreSQL are killed, emptied, full, hanging, away for a minute, cut off in a transaction, or locked."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGSTOP

import psutil
import pytest
import redis

from carpus.embedded.server import Server
from db import migrate
from db.errors import TransientError
from tests.faults.trial import Plant

pytestmark = pytest.mark.timeout(1800)


@contextmanager
def _client(plant: Plant) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(plant.stack.redis.url) as client:
        yield client


@contextmanager
def _hanging(server: Server) -> Iterator[None]:
    """Let a server and its children keep their connections and answer nothing."""
    root = psutil.Process(server.pid)
    family = [root, *root.children(recursive=True)]
    for process in family:
        process.send_signal(SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            if process.is_running():
                process.send_signal(SIGCONT)


def _away_seconds(plant: Plant) -> float:
    return 60.0 if plant.is_long else 3.0


def _try(plant: Plant, order: str, name: str, fault: Callable[[], None], rounds: int) -> None:
    """Send while a fault comes and goes."""
    with plant.trial(order, name) as trial:
        for _ in range(rounds):
            with trial.sending(30, senders=4):
                plant.pause(plant.chance.uniform(0.2, 0.6))
                fault()
                trial.fault_is_over()
            trial.recover()


@pytest.mark.long
def test_redis_is_killed_and_restarted(plant: Plant) -> None:
    def kill() -> None:
        plant.stack.redis.kill()

    _try(plant, "40", "Redis killed, restarted by the supervisor", kill, plant.rounds(1, 5))


def test_redis_is_emptied(plant: Plant) -> None:
    def flush() -> None:
        with _client(plant) as client:
            client.flushall()

    _try(plant, "41", "Redis emptied (FLUSHALL)", flush, plant.rounds(2, 10))


def test_redis_is_full(plant: Plant) -> None:
    def fill() -> None:
        with _client(plant) as client:
            client.config_set("maxmemory", 1)
            plant.pause(_away_seconds(plant) / 3)
            client.config_set("maxmemory", 0)

    _try(plant, "42", "Redis full (maxmemory)", fill, plant.rounds(1, 3))


@pytest.mark.long
def test_redis_is_away(plant: Plant) -> None:
    def stop() -> None:
        plant.stack.redis.stop()
        time.sleep(_away_seconds(plant))  # the supervisor, which would start it again, is not asked
        plant.stack.redis.start()

    _try(plant, "43", "Redis away for a minute", stop, 1)


@pytest.mark.long
def test_redis_hangs(plant: Plant) -> None:
    def hang() -> None:
        with _hanging(plant.stack.redis):
            time.sleep(_away_seconds(plant))

    _try(plant, "44", "Redis hanging for a minute (SIGSTOP)", hang, 1)


@pytest.mark.long
def test_postgresql_is_killed_and_restarted(plant: Plant) -> None:
    def kill() -> None:
        plant.stack.postgres.kill()

    _try(plant, "45", "PostgreSQL killed, restarted by the supervisor", kill, plant.rounds(1, 5))


@pytest.mark.long
def test_postgresql_is_away(plant: Plant) -> None:
    def stop() -> None:
        plant.stack.postgres.stop()
        time.sleep(_away_seconds(plant))
        plant.stack.postgres.start()

    _try(plant, "46", "PostgreSQL away for a minute", stop, 1)


def test_postgresql_hangs(plant: Plant) -> None:
    def hang() -> None:
        with _hanging(plant.stack.postgres):
            time.sleep(_away_seconds(plant))

    _try(plant, "47", "PostgreSQL hanging for a minute (SIGSTOP)", hang, 1)


def test_connections_are_cut_in_the_middle_of_transactions(plant: Plant) -> None:
    def cut() -> None:
        end = time.monotonic() + _away_seconds(plant) / 3
        with plant.database() as connection:
            while time.monotonic() < end:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                plant.pause(0.2)

    _try(plant, "48", "PostgreSQL connections cut again and again", cut, plant.rounds(1, 3))


def test_a_migration_waits_for_a_lock_that_somebody_holds(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def lock() -> None:
        with plant.database() as connection, connection.transaction():
            connection.execute("LOCK TABLE radiograph IN ACCESS EXCLUSIVE MODE")
            with plant.as_the_owner(), pytest.raises(TransientError, match="lock timeout"):
                migrate.downgrade("0001")
            plant.pause(_away_seconds(plant) / 3)

    _try(plant, "49", "table locked while a migration waits for it", lock, 1)
    with plant.as_the_owner():
        migrate.check()
