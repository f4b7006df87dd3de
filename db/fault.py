"""Fault points: the places where a test lets a process die, to prove that nothing is lost or done twice there.

Where ``CARPUS_FAULTS`` names a folder, the first process that comes to the point ``before_rename`` and finds a file of
that name in it takes the file away and sends itself the signal that the file names, or SIGKILL. Elsewhere a point does
nothing. The variable is no setting: ``carpus doctor`` calls it unknown.
"""

import os
from pathlib import Path
from signal import SIGKILL, Signals

VARIABLE = "CARPUS_FAULTS"

_folder = os.environ.get(VARIABLE)


def point(name: str) -> None:
    """Die here if a test wants it.

    Parameters
    ----------
    name
        What is about to happen or has just happened.
    """
    if _folder:
        _meet(Path(_folder, name))


def _meet(order: Path) -> None:
    try:
        signal = order.read_text().strip()
        order.unlink()  # only one process can
    except FileNotFoundError:
        return
    os.kill(os.getpid(), Signals[signal] if signal else SIGKILL)
