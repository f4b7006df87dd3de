"""Real servers for the tests: the embedded PostgreSQL and Redis, started once, emptied for each test that uses them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from carpus import embedded, ports
from db import migrate, settings
from db.session import engine, transaction
from db.tables import Base

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Servers:
    """The embedded servers; both can be stopped and started again on their ports."""

    postgres: embedded.Postgres
    redis: embedded.Redis

    @property
    def database_url(self) -> str:
        return self.postgres.url

    @property
    def broker_url(self) -> str:
        return self.redis.url


@dataclass(frozen=True)
class CarpusEnvironment:
    """An empty Carpus: migrated tables without rows, Redis without keys, a store without files."""

    servers: Servers
    store: Path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real radiographs and DICOM files beside the project; see their README for what each may be used for."""
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    if os.environ.get("CI"):
        pytest.fail("the shared data are missing beside the project")
    return pytest.skip("the shared data are not beside the project")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    started = Servers(
        embedded.Postgres(folder / "postgres", ports.free_port()), embedded.Redis(folder / "redis", ports.free_port())
    )
    started.postgres.start()
    started.redis.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARPUS_DATABASE_URL", started.database_url)
        patch.setenv("CARPUS_BROKER_URL", started.broker_url)
        patch.setenv("CARPUS_STORE", str(folder))
        forget_process_state()
        migrate.upgrade()
        yield started
        forget_process_state()
    started.redis.stop()
    started.postgres.stop()


@pytest.fixture
def carpus_env(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[CarpusEnvironment]:
    for server in (servers.postgres, servers.redis):
        if not server.is_alive:
            server.start()
    store = tmp_path / "store"
    (store / "objects").mkdir(parents=True)  # as the listener has made it
    monkeypatch.setenv("CARPUS_DATABASE_URL", servers.database_url)
    monkeypatch.setenv("CARPUS_BROKER_URL", servers.broker_url)
    monkeypatch.setenv("CARPUS_STORE", str(store))
    forget_process_state()
    with transaction() as session:
        tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    with redis.Redis.from_url(servers.broker_url) as client:
        client.flushall()
    yield CarpusEnvironment(servers, store)
    forget_process_state()


def forget_process_state() -> None:
    """Forget what a process reads once: settings, connections."""
    from kombu import pools

    from worker import settings as worker_settings
    from worker.app import app

    if engine.cache_info().currsize:
        engine().dispose()
    for cached in (engine, settings.shared, worker_settings.worker):
        cached.cache_clear()
    app.close()
    pools.reset()  # they keep connections, maybe to a server that was stopped
    for keeper in ("amqp", "control"):
        app.__dict__.pop(keeper, None)
