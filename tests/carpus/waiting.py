"""Waiting for something with a deadline."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

DEADLINE_SECONDS = 30.0
POLL_SECONDS = 0.02


def wait_until(is_so: Callable[[], bool], what: Callable[[], object]) -> None:
    """Wait until something is so; fail with what was last seen."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {DEADLINE_SECONDS} s: {what()}")
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Seen:
    """A process, known by its id and the clock tick at which it started."""

    pid: int
    started: str
    command: str

    @property
    def is_running(self) -> bool:
        """Whether it runs; one that has ended but has not been collected does not."""
        fields = _fields(self.pid)
        return fields is not None and fields[0] not in {"Z", "X"} and fields[19] == self.started


def descendants(pid: int) -> list[Seen]:
    """Return the running processes below a process."""
    children: dict[int, list[Seen]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _fields(int(folder.name))
        if fields is not None:
            seen = Seen(int(folder.name), fields[19], _command(folder))
            children.setdefault(int(fields[1]), []).append(seen)
    found, unvisited = [], [pid]
    while unvisited:
        below = children.get(unvisited.pop(), [])
        found += below
        unvisited += [one.pid for one in below]
    return [one for one in found if one.is_running]


def _fields(pid: int) -> list[str] | None:
    """Return what stands in proc_pid_stat(5) after the name: state, parent, …, start time as the 20th."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _command(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
