"""The embedded servers: durable, closed to others, and clear about what is wrong with their folder."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from carpus import ports
from carpus.embedded import Postgres, Redis, ServerError, server
from carpus.embedded import postgres as postgres_module


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    started = Postgres(tmp_path_factory.mktemp("embedded") / "postgres", ports.free_port())
    started.start()
    yield started
    started.stop()


@pytest.fixture
def embedded_redis(tmp_path: Path) -> Iterator[Redis]:
    started = Redis(tmp_path / "redis", ports.free_port())
    started.start()
    yield started
    started.stop()


def answers(postgres: Postgres, query: str) -> tuple[object, ...] | None:
    with psycopg.connect(postgres.libpq_url) as connection:
        return connection.execute(query).fetchone()


def test_the_database_belongs_to_a_role_that_is_no_superuser(postgres: Postgres) -> None:
    query = (
        "SELECT current_user, current_database(), rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    assert answers(postgres, query) == ("carpus", "carpus", False, False)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("TimeZone", "UTC"),
    ],
)
def test_the_database_is_durable(postgres: Postgres, setting: str, value: str) -> None:
    assert answers(postgres, f"SHOW {setting}") == (value,)


def test_the_log_names_an_error_and_quotes_neither_row_nor_statement_nor_parameter(postgres: Postgres) -> None:
    with psycopg.connect(postgres.libpq_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE quoted (name text CHECK (name = 'x'), one int UNIQUE)")
        connection.execute("INSERT INTO quoted VALUES ('x', 4711)")
        for statement in ("INSERT INTO quoted VALUES ('DOE^JANE', 1)", "INSERT INTO quoted VALUES ('x', 4711)"):
            with pytest.raises(psycopg.errors.IntegrityError):
                connection.execute(statement)
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO quoted VALUES (%s, 1)", ["DOE^JOHN"])
        connection.execute("DROP TABLE quoted")
    log = postgres.log.read_text()
    assert (log.count("violates check constraint"), log.count("violates unique constraint")) == (2, 1)
    assert [word for word in ("DOE", "4711", "INSERT") if word in log] == []


def test_passwords_are_for_the_owner_only_and_needed(postgres: Postgres) -> None:
    for name in ("password", "admin_password"):
        assert (postgres.folder / name).stat().st_mode & 0o777 == 0o600
    url = postgres.libpq_url.replace((postgres.folder / "password").read_text(), "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_what_was_committed_is_there_after_a_crash_though_another_process_has_taken_the_old_pid(
    postgres: Postgres,
) -> None:
    with psycopg.connect(postgres.libpq_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    postgres.kill()
    stale = postgres.folder / "data" / "postmaster.pid"
    stale.write_text(stale.read_text().replace(stale.read_text().splitlines()[0], "1", 1))
    postgres.start()
    assert answers(postgres, "SELECT n FROM kept") == (7,)


def test_a_folder_in_use_is_refused_by_name(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOCK_TIMEOUT_SECONDS", 0.1)
    second = Postgres(postgres.folder, ports.free_port())
    assert second.port_in_use() == postgres.port
    with pytest.raises(ServerError, match="is in use by another running Carpus; stop that one"):
        second.start()
    assert answers(postgres, "SELECT 1") == (1,)


def test_what_a_server_that_died_left_behind_is_not_taken_for_another_carpus(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOCK_TIMEOUT_SECONDS", 0.1)
    postgres.kill()
    held = os.open(postgres.folder / "lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(ServerError, match="processes of the server that died still hold"):
            postgres.launch()
    finally:
        os.close(held)
    postgres.start()
    assert answers(postgres, "SELECT 1") == (1,)


def test_a_folder_of_another_version_is_refused_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServerError, match=r"was made by version 16, this is 18; move .* away"):
        Postgres(tmp_path, ports.free_port()).start()


def test_a_data_folder_that_vanished_from_a_running_server_is_not_made_anew(tmp_path: Path) -> None:
    running = Postgres(tmp_path / "postgres", ports.free_port())
    running.start()
    running.kill()
    shutil.rmtree(tmp_path / "postgres" / "data")
    for _ in range(2):
        with pytest.raises(ServerError, match="is gone while Carpus ran; put it back, or stop Carpus"):
            running.start()
    running.stop()
    running.start()
    assert running.is_alive
    running.stop()


def test_a_damaged_folder_is_refused_with_what_postgresql_says(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("18\n")
    damaged = Postgres(tmp_path, ports.free_port())
    with pytest.raises(
        ServerError, match=r"did not start in .*could not access the server configuration file .*postgresql\.conf"
    ):
        damaged.start()
    assert damaged.port_in_use() is None


def test_a_taken_port_ends_in_one_error_that_says_so(postgres: Postgres, tmp_path: Path) -> None:
    second = Redis(tmp_path / "redis", postgres.port)
    with pytest.raises(ServerError, match=r"Redis did not start in .*Address already in use"):
        second.start()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ServerError, match="cannot write into"):
        Redis(tmp_path / "redis", ports.free_port()).start()


def test_redis_keeps_its_messages_through_a_crash_and_drops_none_when_full(embedded_redis: Redis) -> None:
    with redis.Redis.from_url(embedded_redis.url) as client:
        client.lpush("queue", "message")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    embedded_redis.kill()
    embedded_redis.start()
    with redis.Redis.from_url(embedded_redis.url) as client:
        assert client.lrange("queue", 0, -1) == [b"message"]


@pytest.mark.parametrize(
    ("error", "is_ready"),
    [
        (redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), True),
        (redis.BusyLoadingError("LOADING Redis is loading the dataset in memory"), False),
        (redis.TimeoutError(), False),
    ],
)
def test_a_redis_that_answers_is_ready_though_its_disk_is_full(
    embedded_redis: Redis, monkeypatch: pytest.MonkeyPatch, error: Exception, is_ready: bool
) -> None:
    def fail(client: redis.Redis) -> NoReturn:
        raise error

    monkeypatch.setattr(redis.Redis, "ping", fail)
    assert embedded_redis.is_ready() is is_ready


def test_a_postgresql_that_answers_by_an_error_is_not_ready_yet(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> NoReturn:
        raise psycopg.errors.DataCorrupted

    assert postgres.is_ready()
    monkeypatch.setattr(postgres_module, "_create_role", fail)
    assert not postgres.is_ready()


def test_redis_asks_for_its_password(embedded_redis: Redis) -> None:
    retry = Retry(NoBackoff(), 0)
    with redis.Redis(port=embedded_redis.port, retry=retry) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
