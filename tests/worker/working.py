"""A real worker of the hostile application as a process of its own, seen from outside: its log, and SQL."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from carpus import child
from carpus.processes import COMMANDS
from db import overdue, steps
from db.session import transaction
from db.tables import Radiograph
from worker.app import enqueue

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.05


class Working(child.Held):
    """One worker, started by the command that the stack and the README name."""

    def __init__(self, queue: str, log: Path, environment: dict[str, str]) -> None:
        _, *arguments = COMMANDS[queue]
        hostile = (word.replace("worker.app", "tests.worker.hostile_app") for word in arguments)
        self._log = log
        with log.open("ab") as output:
            self._child = child.spawn(
                [sys.executable, "-m", "celery", *hostile], output, os.environ | {"PYTHONPATH": str(ROOT)} | environment
            )

    def wait_for_event(self, event: str, times: int = 1) -> None:
        """Wait until the worker has logged something, so many times."""
        wait_until(lambda: self._log.read_text().count(event) >= times, self._log.read_text)

    def stop(self) -> int:
        """Send SIGTERM and return the exit status; one that does not end fails the test."""
        assert self._child is not None
        self._child.terminate()
        wait_until(lambda: not self.is_alive, self._log.read_text)
        return int(self._child.returncode)

    def kill(self) -> None:
        """End it at once."""
        assert self._child is not None
        child.kill(self._child)


def wait_until(is_so: Callable[[], bool], what: Callable[[], object]) -> None:
    """Wait until something is so; fail with what was last seen."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {DEADLINE_SECONDS} s: {what()}")
        time.sleep(POLL_SECONDS)


def rows() -> dict[str, Radiograph]:
    """Return the radiographs by their patient's ID, which says how each misbehaves."""
    with transaction() as session:
        return {str(row.patient_id): row for row in session.scalars(select(Radiograph))}


def states_seen() -> dict[str, tuple[str, int, str | None]]:
    """Return what a failed test shows."""
    return {name: (row.state, row.attempts, row.state_reason) for name, row in rows().items()}


def sweep_until(is_so: Callable[[dict[str, Radiograph]], bool]) -> dict[str, Radiograph]:
    """Publish what is overdue, as the listener's sweep does, until the rows are as wanted; return them."""

    def swept() -> bool:
        for step in steps.STEPS:
            with transaction() as session:
                ids = overdue.take_overdue(session, step, limit=100)
            for radiograph_id in ids:
                enqueue(step.queue, radiograph_id)
        return is_so(rows())

    wait_until(swept, states_seen)
    return rows()
