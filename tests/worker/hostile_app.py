"""The worker's application with steps that do what the worst objects do; run by ``working``."""

import os
import signal
import time
from typing import Any

from db import states
from db.session import transaction
from db.states import Claim
from db.tables import Radiograph
from worker import assess, serving, standardise
from worker.app import app

__all__ = ["app"]

SOFT_LIMIT = signal.SIGUSR1  # by which billiard raises SoftTimeLimitExceeded in the process


def _misbehave(claim: Claim, *_: Any) -> None:
    match claim.radiograph.patient_id:
        case "hangs":
            time.sleep(600)
        case "hangs in a library":
            signal.pthread_sigmask(signal.SIG_BLOCK, {SOFT_LIMIT})  # as C code that never comes back to Python
            time.sleep(600)
        case "takes all memory":
            bytearray(64 * 2**30)
        case "takes all of the machine's memory":
            os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does then
        case "crashes":
            os.abort()
        case str(name) if name.startswith("takes a while"):
            time.sleep(0.5)
    with transaction() as session:
        states.finish(session, claim, reads=Radiograph.reads + 1)  # counted for either step


standardise.standardise = _misbehave
assess.assess = _misbehave
serving.serving = serving.begin = lambda: None  # type: ignore[assignment]  # no network is needed
