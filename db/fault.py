"""Fault points: the places where a test lets a process die, to prove that nothing is lost or done twice there.

``CARPUS_FAULT=before_rename:3`` kills the process, as a power cut would, when it comes to that point for the third
time. Nothing else reads the variable, and it is no setting: ``carpus doctor`` calls it unknown.
"""

import os
import threading
from signal import SIGKILL

VARIABLE = "CARPUS_FAULT"

_point, _, _visits = os.environ.get(VARIABLE, "").partition(":")
_visits_left = int(_visits or 1)
_lock = threading.Lock()


def point(name: str) -> None:
    """Die here if a test wants it.

    Parameters
    ----------
    name
        What is about to happen or has just happened: ``before_rename``.
    """
    if name == _point:
        _visit()


def _visit() -> None:
    global _visits_left  # noqa: PLW0603  a process dies once
    with _lock:
        _visits_left -= 1
        if _visits_left == 0:
            os.kill(os.getpid(), SIGKILL)
