"""Connections to PostgreSQL: one engine a process, created after any fork, and one way to open a transaction."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from db import settings
from db.errors import OutageError

CONNECT_TIMEOUT_SECONDS = 5
POOL_TIMEOUT_SECONDS = 30
# TCP_USER_TIMEOUT ends a connection whose server vanished without a word; the default is about 15 minutes.
TCP_USER_TIMEOUT_MS = 20_000
# It does not count while we only wait for an answer, as in the middle of a query; asking whether anybody is there does.
KEEPALIVES = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


@cache
def engine() -> Engine:
    """Return this process's engine; connections are made on first use."""
    return create_engine(
        settings.shared().sqlalchemy_url(),
        pool_pre_ping=True,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        hide_parameters=True,  # they hold patient data, and errors are logged
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
            **KEEPALIVES,
            "options": "-c timezone=UTC",
        },
    )


# A connection shared with a forked child would be used by both at once.
os.register_at_fork(after_in_child=engine.cache_clear)


@contextmanager
def transaction(database: Engine | None = None) -> Iterator[Session]:
    """Open a session whose block is one transaction: committed at its end, rolled back on an exception.

    Parameters
    ----------
    database
        None: that of the settings.

    Raises
    ------
    OutageError
        When the database is away, goes away in the middle, or ended the transaction for another one's sake.
    """
    try:
        with Session(database or engine(), expire_on_commit=False) as session, session.begin():
            yield session
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise OutageError(f"the database did not answer ({_first_line(error)})") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise OutageError(f"the database closed the connection ({_first_line(error)})") from error
        raise


def _first_line(error: Exception) -> str:
    """Return what the driver said, without the statement and its parameters (they may hold patient data)."""
    original = getattr(error, "orig", None) or error
    return str(original).partition("\n")[0]
