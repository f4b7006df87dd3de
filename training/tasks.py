"""The Celery task ``refresh``, on a queue of its own, so that a trainer with a GPU can take it, and its schedule.

``celery -A training.tasks worker --queues refresh`` is the trainer, ``celery -A training.tasks beat`` the clock. The
message is taken at once and not when the task ends, which may be hours later: one that came back meanwhile would be a
second refresh, and one that is lost is followed by the next of the schedule.
"""

import os
import subprocess
import sys
from typing import Any

from celery import signals

from db import log
from db.errors import CarpusError
from training.settings import training
from worker.app import REFRESH_QUEUE, app

_log = log.get(__name__)


@app.task(name=REFRESH_QUEUE, acks_late=False)
def refresh() -> None:
    """Refresh the active model version from the site's reads; what comes of it is a row of ``model_decision``.

    In a process of its own, which ends with this one: what TensorFlow took is given back, and this one answers.
    """
    command = [sys.executable, "-m", "training", "refresh", "--parent", str(os.getpid())]
    status = subprocess.run(command, check=False).returncode
    if status:
        _log.error("refresh_failed", status=status)


@signals.beat_init.connect
def _schedule(sender: Any, **_: Any) -> None:
    """Take the schedule of the settings; stop when it is missing or malformed."""
    log.configure("beat")
    try:
        schedule = training().beat()
    except CarpusError as error:
        raise SystemExit(f"carpus: {error}") from error
    if not schedule:
        raise SystemExit("carpus: CARPUS_REFRESH_SCHEDULE: missing; without it there is nothing to schedule")
    sender.scheduler.update_from_dict(schedule)
