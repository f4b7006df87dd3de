"""Starts and ends child processes that cannot outlive this one, not even its SIGKILL."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import IO

_LAUNCHER = Path(__file__).resolve().with_name("launch.py")

Child = subprocess.Popen[bytes]


class Held:
    """What somebody who starts a child and keeps it can say of it."""

    _child: Child | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the child started here still runs."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """The child's process id, or None when none was started."""
        return self._child.pid if self._child else None


def spawn(
    command: Sequence[str],
    log: IO[bytes],
    environment: Mapping[str, str],
    *,
    end_signal: Signals = SIGKILL,
    user: str | None = None,
    reach: Sequence[Path] = (),
    kept_open: Sequence[int] = (),
    folder: Path | None = None,
) -> Child:
    """Start a program in a session of its own, so that Ctrl-C at the terminal reaches this process only.

    Parameters
    ----------
    command
        The program's absolute path and its arguments.
    log
        Where its output and errors go.
    environment
        All of its environment.
    end_signal
        What the kernel sends it when this process ends.
    user
        Whom root becomes for it; None: nobody else.
    reach
        Paths the program needs, absolute; looked at only when the user changes.
    kept_open
        File descriptors it inherits.
    folder
        Where it runs; None: where we do, or in ``/`` when the user changes, for our folder may be closed to that user.

    Raises
    ------
    RuntimeError
        When called outside the main thread: the kernel takes the end of the starting *thread* for the parent's.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a child must be started from the main thread, for it ends with the thread that started it")
    needs = ":".join(map(str, (command[0], *reach)))
    return subprocess.Popen(
        [sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), end_signal.name, user or "-", needs, *command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        cwd=folder or ("/" if user else None),
        start_new_session=True,
        pass_fds=kept_open,
    )


def stop(child: Child, signal: Signals = SIGTERM, timeout_seconds: float = 10.0) -> None:
    """End a child: ask by a signal, and kill it and its process group when it does not answer in time."""
    if child.poll() is None:
        child.send_signal(signal)
        try:
            child.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            kill(child)


def kill(child: Child) -> None:
    """End a child and its process group at once."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, SIGKILL)
        child.wait()
