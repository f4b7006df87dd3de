"""Looks after the parts of the stack: starts again what died, with a longer pause each time, and stops all in order."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from carpus.logs import cut, last_words
from db.errors import CarpusError

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
LOGS_SECONDS = 10.0  # between two looks at the size of the logs
STEADY_SECONDS = 60.0  # one that ran so long begins anew with the shortest pause


class StackError(CarpusError):
    """The stack cannot run; the message says which part and what it said."""


class Member(Protocol):
    """A part of the stack: an embedded server or a process."""

    @property
    def name(self) -> str:
        """What an operator calls it."""

    @property
    def log(self) -> Path:
        """Where its output goes."""

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""

    def start(self) -> None:
        """Start it."""

    def ask_to_stop(self) -> None:
        """Ask it to end, without waiting, where others need not outlast it."""

    def stop(self) -> None:
        """End it in its own orderly way."""

    def kill(self) -> None:
        """End it at once."""


@dataclass
class _Care:
    """A member and what is known of its deaths; `due_at` is set between a death and the next start."""

    member: Member
    started_at: float
    deaths: int = 0
    due_at: float | None = None


class Supervisor:
    """Keeps members alive.

    Parameters
    ----------
    say
        Takes a line for the operator.
    most_deaths
        When one has died oftener than this in a row, looking after it gives up; None: never.
    """

    def __init__(self, say: Callable[[str], None], most_deaths: int | None = None) -> None:
        self._say = say
        self._most_deaths = most_deaths
        self._cares: list[_Care] = []
        self._logs_due_at = 0.0

    def start(self, member: Member) -> None:
        """Start a member and take it into care, after those it depends on."""
        self._cares.append(_Care(member, time.monotonic()))
        member.start()

    def look_after(self) -> None:
        """Start again what has died, when its pause is over. To be called often.

        Raises
        ------
        StackError
            When given up.
        """
        self._cut_logs()
        for care in self._cares:
            now = time.monotonic()
            if care.member.is_alive:
                if now - care.started_at > STEADY_SECONDS:
                    care.deaths = 0
            elif care.due_at is None:
                self._note_death(care, now)
            elif now >= care.due_at:
                self._start_again(care, now)

    def stop(self) -> None:
        """Stop all, those that were started last first."""
        backwards = [care.member for care in reversed(self._cares)]
        for member in backwards:
            member.ask_to_stop()
        for member in backwards:
            member.stop()
        self._cares.clear()

    def kill(self) -> None:
        """End all at once."""
        for care in reversed(self._cares):
            care.member.kill()
        self._cares.clear()

    def _cut_logs(self) -> None:
        if (now := time.monotonic()) >= self._logs_due_at:
            self._logs_due_at = now + LOGS_SECONDS
            for care in self._cares:
                cut(care.member.log)

    def _note_death(self, care: _Care, now: float) -> None:
        care.deaths += 1
        words = f"{care.member.name} ended unasked: {last_words(care.member.log)} (log: {care.member.log})"
        if self._most_deaths is not None and care.deaths > self._most_deaths:
            raise StackError(words)
        pause_seconds = min(FIRST_PAUSE_SECONDS * 2 ** (care.deaths - 1), LONGEST_PAUSE_SECONDS)
        care.due_at = now + pause_seconds
        self._say(f"{words}; starting it again in {pause_seconds:.0f} s")

    def _start_again(self, care: _Care, now: float) -> None:
        care.due_at, care.started_at = None, now
        try:
            care.member.start()
        except (CarpusError, OSError) as error:  # such as a full disk, which may have room again at the next try
            self._say(f"{care.member.name} cannot be started: {error}")
