"""A thread that does its round again and again: at intervals, and at once when it is woken."""

import threading
from collections.abc import Callable

from db import log
from dicom_listener.outage import Outage

_log = log.get(__name__)


class Loop:
    """The thread.

    Parameters
    ----------
    name
        Of the thread.
    work
        One round.
    interval_seconds
        Longest wait between two rounds.
    database
        Its outage, which ends a round and not the thread.
    """

    def __init__(self, name: str, work: Callable[[], None], interval_seconds: float, database: Outage) -> None:
        self._name = name
        self._work = work
        self._interval_seconds = interval_seconds
        self._database = database
        self._wake = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_stopping(self) -> bool:
        """Whether the round under way is to be the last."""
        return self._is_stopping

    def start(self) -> None:
        """Start the thread; its first round is at once."""
        self._thread.start()

    def wake(self) -> None:
        """Let the next round begin now, or right after the one under way."""
        self._wake.set()

    def stop(self, timeout_seconds: float) -> None:
        """Stop after the round under way."""
        self._is_stopping = True
        self._wake.set()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                with self._database.tolerated():
                    self._work()
            except Exception:  # noqa: BLE001  a round that fails by a bug must not be the last
                _log.exception("round_failed", loop=self._name)
            self._wake.wait(self._interval_seconds)
            self._wake.clear()
