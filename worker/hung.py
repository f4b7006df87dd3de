"""Ends a hung worker in a container of its own, where nobody else can: Docker starts again only what has ended.

Process 1 there is the init that was given the worker's command and ends with it (``init: true``). Elsewhere nothing is
ended, for this machine may have more workers than the one that was asked; whoever started it has to.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

START_SECONDS = 180.0  # in which a worker may be loading its model


def end(queue: str, processes: Path = Path("/proc")) -> bool:
    """Kill the worker of this container with its pool.

    Parameters
    ----------
    queue
        The one it serves.
    processes
        As proc(5) shows them.

    Returns
    -------
    bool
        Whether it was killed: not outside a container of its own, nor while it may still be starting.
    """
    if not _is_worker(processes / "1", queue):
        return False
    pids = [pid for pid in _workers(processes, queue) if _age_seconds(processes / str(pid)) > START_SECONDS]
    for pid in pids:
        with suppress(OSError):  # it has just ended
            os.kill(pid, SIGKILL)
    return bool(pids)


def _workers(processes: Path, queue: str) -> Iterator[int]:
    for folder in processes.glob("[0-9]*"):
        if folder.name != "1" and _is_worker(folder, queue):
            yield int(folder.name)


def _is_worker(folder: Path, queue: str) -> bool:
    """Whether a process was given the command of a queue's worker, whose name is `queue@%h`."""
    try:
        return f"{queue}@%h".encode() in (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return False


def _age_seconds(folder: Path) -> float:
    try:
        ticks = int((folder / "stat").read_text().rpartition(")")[2].split()[19])  # proc_pid_stat(5): starttime
    except OSError:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
