"""Ties a process to its parent, so that nothing of Carpus runs on after the one who started it was killed.

The one-machine stack starts each child through it, and the prefork pool's children call it when they begin.
"""

import ctypes
import os
from signal import SIGKILL, Signals

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(signal: Signals = SIGKILL, parent_pid: int | None = None) -> None:
    """Ask the kernel to send this process a signal when the thread that started it ends.

    It holds across an ``execve``, is lost in a fork and with a change of user, so call it in each process, and last.

    Parameters
    ----------
    signal
        What to be sent.
    parent_pid
        The process that must still be the parent, or None when unknown; if it has died meanwhile, this process ends.

    Raises
    ------
    OSError
        When the kernel refuses.

    References
    ----------
    prctl(2), PR_SET_PDEATHSIG.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refused to tie this process to its parent")
    if parent_pid is not None and os.getppid() != parent_pid:
        os.kill(os.getpid(), SIGKILL)
