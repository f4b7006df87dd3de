"""A server that is away is told once, and once more when it is back; what needs it is left to the sweep meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import kombu.exceptions
import redis.exceptions

from db import log
from db.errors import TransientError

DATABASE_ERRORS: tuple[type[Exception], ...] = (TransientError,)
BROKER_ERRORS: tuple[type[Exception], ...] = (kombu.exceptions.OperationalError, redis.exceptions.RedisError, OSError)

_log = log.get(__name__)


class Outage:
    """Whether one server is away, shared by the threads that need it.

    Parameters
    ----------
    server
        Its name in the log.
    errors
        The exceptions by which its absence is known.
    """

    def __init__(self, server: str, errors: tuple[type[Exception], ...]) -> None:
        self._server = server
        self._errors = errors
        self._lock = threading.Lock()
        self.is_on = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Run a block that asks the server; its absence and its return are logged once each, and errors go on."""
        try:
            yield
        except self._errors as error:
            if self._turn(on=True):
                _log.warning("server_away", server=self._server, error=str(error))
            raise
        else:
            if self._turn(on=False):
                _log.info("server_back", server=self._server)

    @contextmanager
    def tolerated(self) -> Iterator[None]:
        """Run a block as :meth:`watched` does; the server's absence ends it and goes no further."""
        with suppress(*self._errors), self.watched():
            yield

    def _turn(self, *, on: bool) -> bool:
        with self._lock:
            changed = self.is_on != on
            self.is_on = on
        return changed
