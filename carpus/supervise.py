"""Looks after the parts of the stack: starts again what died, with a longer pause each time, and stops all in order."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from carpus.logs import cut, last_words
from db.errors import CarpusError

POLL_SECONDS = 0.05
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
_MOST_DOUBLINGS = 5  # beyond the longest pause; a float ends at 1,023
ASK_SECONDS = 1.0  # between two questions whether one that was started answers
SAY_SECONDS = 10.0  # between two lines that it does not
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

    def launch(self) -> None:
        """Start it without waiting until it answers."""

    def is_ready(self) -> bool:
        """Whether it answers since it was started."""

    def is_hung(self) -> bool:
        """Whether it will not answer any more though it runs; to be asked often, and answered at once."""

    def ask_to_stop(self) -> None:
        """Ask it to end, without waiting, where others need not outlast it."""

    def stop(self) -> None:
        """End it in its own orderly way."""

    def kill(self) -> None:
        """End it at once."""


@dataclass
class _Care:
    """A member and what is known of its deaths; `due_at` is set between a death and the next start.

    Until it answers, `ask_at` and `say_at` are when it is asked next, and when the operator is told that it does not.
    """

    member: Member
    started_at: float
    deaths: int = 0
    due_at: float | None = None
    is_ready: bool = False
    ask_at: float = 0.0
    say_at: float = 0.0

    def begin(self, now: float) -> None:
        self.started_at, self.due_at = now, None
        self.is_ready, self.ask_at, self.say_at = False, now, now + SAY_SECONDS


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
        """Start a member and take it into care, after those it depends on; return when it answers.

        Raises
        ------
        StackError
            When it ends instead; what it raises is raised on.
        """
        care = _Care(member, time.monotonic())
        care.begin(care.started_at)
        self._cares.append(care)
        member.launch()
        while not member.is_ready():
            if not member.is_alive:
                raise StackError(f"{member.name} did not start: {last_words(member.log)} (log: {member.log})")
            self._say_unready(care, last_words(member.log))
            time.sleep(POLL_SECONDS)
        care.is_ready = True

    def look_after(self) -> None:
        """Start again what has died or hangs, when its pause is over. To be called often.

        Raises
        ------
        StackError
            When given up.
        """
        self._cut_logs()
        for care in self._cares:
            now = time.monotonic()
            if care.member.is_alive:
                self._look_at(care, now)
            elif care.due_at is None:
                self._note_death(care, now, "ended unasked")
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

    def _look_at(self, care: _Care, now: float) -> None:
        """Look at one that runs."""
        if now - care.started_at > STEADY_SECONDS:
            care.deaths = 0
        if not care.is_ready:
            self._ask(care, now)
        elif care.member.is_hung():
            care.member.kill()
            self._note_death(care, now, "did not answer and was killed")

    def _ask(self, care: _Care, now: float) -> None:
        """Ask one that was started again whether it answers by now."""
        if now < care.ask_at:
            return
        care.ask_at = now + ASK_SECONDS
        try:
            care.is_ready, why = care.member.is_ready(), last_words(care.member.log)
        except CarpusError as error:
            why = str(error)
        if not care.is_ready:
            self._say_unready(care, why)

    def _say_unready(self, care: _Care, why: str) -> None:
        if (now := time.monotonic()) >= care.say_at:
            care.say_at = now + SAY_SECONDS
            self._say(f"{care.member.name} does not answer yet after {now - care.started_at:.0f} s: {why}; waiting")

    def _note_death(self, care: _Care, now: float, how: str) -> None:
        care.deaths += 1
        words = f"{care.member.name} {how}: {last_words(care.member.log)} (log: {care.member.log})"
        if self._most_deaths is not None and care.deaths > self._most_deaths:
            raise StackError(words)
        doublings = min(care.deaths - 1, _MOST_DOUBLINGS)
        pause_seconds = min(FIRST_PAUSE_SECONDS * 2**doublings, LONGEST_PAUSE_SECONDS)
        care.due_at = now + pause_seconds
        self._say(f"{words}; starting it again in {pause_seconds:.0f} s")

    def _start_again(self, care: _Care, now: float) -> None:
        care.begin(now)
        try:
            care.member.launch()
        # Such as a full disk, which may have room again at the next try. Whatever it is, the others' care goes on.
        except Exception as error:  # noqa: BLE001
            self._say(f"{care.member.name} cannot be started: {error or type(error).__name__}")
