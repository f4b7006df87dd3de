"""The worker's application with a reading step that does what the worst objects do; run by ``test_limits``."""

import os
import signal
import time

from db import states
from db.session import transaction
from db.states import Claim
from worker import standardise
from worker.app import app

__all__ = ["app"]

SOFT_LIMIT = signal.SIGUSR1  # by which billiard raises SoftTimeLimitExceeded in the process


def _misbehave(claim: Claim) -> None:
    match claim.radiograph.patient_id:
        case "hangs":
            time.sleep(600)
        case "hangs in a library":
            signal.pthread_sigmask(signal.SIG_BLOCK, {SOFT_LIMIT})  # as C code that never comes back to Python
            time.sleep(600)
        case "takes all memory":
            bytearray(64 * 2**30)
        case "crashes":
            os.abort()
    with transaction() as session:
        states.finish(session, claim)


standardise.standardise = _misbehave
