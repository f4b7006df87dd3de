"""Asks a worker of the stack again and again, by ``python -m worker.health``, whether it answers.

It does so in a child process, for whoever asks a hung worker waits for it, and the supervisor must not.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from carpus import child
from worker.settings import HUNG_STATUS, unanswered_seconds

INTERVAL_SECONDS = 30.0  # from one answer to the next question, each of which takes a processor core for 1.5 s
FIRST_INTERVAL_SECONDS = 5.0  # until it has answered once, so that it is soon known to
START_SECONDS = 180.0  # in which a worker that has not answered yet may be loading its model
_SLACK_SECONDS = 60.0  # for a health check beyond its patience; then a server hangs, and nothing is known


class Watch:
    """The health of one process.

    Parameters
    ----------
    command
        Asks once, and ends with ``HUNG_STATUS`` where the process hangs.
    environment
        All of the command's environment.
    log
        Where it writes what it finds.
    folder
        Where it runs.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> None:
        self._command, self._environment, self._log, self._folder = command, environment, log, folder
        self._child: child.Child | None = None
        self.begin()

    def begin(self) -> None:
        """Note that the process was started."""
        self.end()
        self._began_at = self._asked_at = time.monotonic()
        self._due_at = self._began_at + FIRST_INTERVAL_SECONDS
        self._has_answered = False

    def end(self) -> None:
        """End the question that is open, if any."""
        if self._child:
            child.kill(self._child)
            self._child = None

    def finds_hung(self) -> bool:
        """Ask when it is time, and return whether the answer just came that the process hangs."""
        now = time.monotonic()
        if self._child is None:
            if now >= self._due_at:
                self._ask(now)
            return False
        status = self._child.poll()
        if status is None and now < self._asked_at + unanswered_seconds() + _SLACK_SECONDS:
            return False
        self.end()
        self._has_answered |= status == 0
        self._due_at = now + (INTERVAL_SECONDS if self._has_answered else FIRST_INTERVAL_SECONDS)
        return status == HUNG_STATUS and (self._has_answered or now > self._began_at + START_SECONDS)

    def _ask(self, now: float) -> None:
        self._asked_at, self._due_at = now, now + INTERVAL_SECONDS
        with suppress(OSError), self._log.open("ab") as log:  # such as no room for a process; it is asked again
            self._child = child.spawn(self._command, log, self._environment, folder=self._folder)


def health_command(queue: str) -> list[str]:
    """Return the command that asks the worker of a queue."""
    return [sys.executable, "-m", "worker.health", queue]
