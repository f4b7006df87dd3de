"""One refresh or site calibration at a time, on however many machines: by a lock of the database.

Before it: `training.refresh`, the command ``site-calibration``. After it: nothing; the lock ends with its connection,
and so with the process, whatever happens to it. `carpus forget` takes the same.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.errors import OutageError, PermanentError
from db.session import engine

FOLDER = "refresh"  # in the store, or where a refresh is told: pictures of patients, until there is a decision
LOCK = "SELECT pg_try_advisory_lock(hashtextextended('refresh', 0)) AS is_free"


class RefreshError(PermanentError):
    """The active version cannot be refreshed; the message says why and what to do."""


@contextmanager
def alone() -> Iterator[Callable[[], None]]:
    """Hold a lock that ends with this process's connection, whatever happens to it.

    Yields
    ------
    callable
        Raises OutageError where the connection, and the lock with it, was lost meanwhile.

    Raises
    ------
    RefreshError
        When another holds it.
    """
    with engine().connect() as connection:
        if not connection.scalar(text(LOCK)):
            raise RefreshError("another refresh or site calibration is running; see `python -m training list`")
        connection.commit()

        def check() -> None:
            try:
                connection.execute(text("SELECT 1"))
            except DBAPIError as error:
                raise OutageError("the database went away meanwhile, and the lock with it; begin again") from error

        try:
            yield check
        finally:
            connection.invalidate()  # not back to the pool, where the lock would live on
