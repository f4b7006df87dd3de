"""Finds the database that an operator means: the configured one, else the embedded one, started if need be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carpus import ports
from carpus.embedded import Postgres, ServerError
from carpus.settings import StackSettings
from db import settings
from db.roles import Role


class ConfiguredServers(settings.SharedSettings):
    """The shared settings, none of them required: empty where it is not set."""

    database_url: str = ""
    broker_url: str = ""
    store: Path = Path()


def configured_url() -> str | None:
    """Return the address with its password that CARPUS_DATABASE_URL sets, as libpq takes it; None: it is not set.

    Raises
    ------
    db.errors.SettingsError
        When it is no PostgreSQL URL.
    """
    configured = settings.load(ConfiguredServers)
    if not configured.database_url:
        return None
    return configured.sqlalchemy_url().set(drivername="postgresql").render_as_string(hide_password=False)


def embedded_postgres(home: Path) -> Postgres:
    """Return the embedded server of a folder, at the port where it runs, else at a free one."""
    folder = home / "postgres"
    return Postgres(folder, Postgres(folder, port=0).port_in_use() or ports.free_port())


@contextmanager
def available(role: Role | None = None) -> Iterator[str]:
    """Yield the address of the database that is meant, as libpq takes it; what had to be started ends with the block.

    Parameters
    ----------
    role
        As whom to connect to the embedded database; None: as the owner. The configured address has its own user.

    Raises
    ------
    ServerError
        When there is none yet, or it does not start.
    """
    url = configured_url()
    if url is not None:
        yield url
        return
    postgres = embedded_postgres(settings.load(StackSettings).home)
    if not postgres.is_initialised:
        raise ServerError(
            f"no database in {postgres.folder} yet: run `make demo` or `carpus up`, or set CARPUS_DATABASE_URL"
        )
    if postgres.port_in_use() is not None:
        if not postgres.has_password_of(role):
            raise ServerError(f"{postgres.folder} is served by an earlier version of Carpus: stop it and start it anew")
        yield postgres.libpq_url_of(role)
        return
    try:
        postgres.start()
        yield postgres.libpq_url_of(role)
    finally:
        postgres.stop()
