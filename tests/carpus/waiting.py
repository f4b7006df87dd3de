"""Waiting for something with a deadline."""

import time
from collections.abc import Callable
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


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended but has not been collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_with(word: str) -> dict[int, str]:
    """Return command lines, by process id, of the running processes in whose environment a word stands."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (folder / "environ").read_bytes() and is_running(int(folder.name)):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found
