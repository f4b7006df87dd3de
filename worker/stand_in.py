"""Answers for tasks that cannot answer for themselves: their process was lost, or their worker stops.

It runs in the worker's main process, beside the way of the radiograph. Without it nothing would be lost, for a claim
lapses and the sweep takes over; but only after the lease, and each stop of a worker would cost an attempt.
"""

import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from time import monotonic
from typing import Any

from celery.concurrency.base import BasePool
from celery.exceptions import WorkerLostError
from celery.worker import state
from celery.worker.request import Request
from structlog.contextvars import bound_contextvars

from db import log, states, steps
from db.errors import TransientError
from db.session import engine, transaction
from db.states import Claim, LapsedClaimError
from worker import settings
from worker.steps import put_back, took_too_long

_SIGNAL = re.compile(r"\((SIG[A-Z0-9]+)\)")  # billiard.common.human_status
_ENDS = {"SIGKILL": "was killed (SIGKILL), mostly by the system for want of memory", None: "ended by itself"}
_SLACK_SECONDS = 1.0  # between reading our clock and the database's

logger = log.get(__name__)


class AnsweredFor(Request):  # type: ignore[misc]  # Celery has no types
    """A task in the main process's hands, which answers in its place when its process is lost."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By the machine's monotonic clock. A process that crashes at once is lost before it is known to have begun.
        self.begun_at = monotonic()

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """Note when a process or thread of the pool began it."""
        self.begun_at = time_accepted
        super().on_accepted(pid, time_accepted)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Put the radiograph back whose process had to be ended for time."""
        super().on_timeout(soft, timeout)
        if not soft:
            _answer(self, lambda claim: put_back(claim, f"{took_too_long(claim.step)}, and its process was ended"))

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """Put the radiograph back whose process died."""
        super().on_failure(exc_info, send_failed_event, return_ok)
        error = getattr(exc_info.exception, "exc", exc_info.exception)  # billiard wraps what has a traceback
        if isinstance(error, WorkerLostError):
            signal = _signal(error)
            reason = f"the process of the {self.name} {_ENDS.get(signal, f'crashed ({signal})')}"
            # No image asks a process to end, as a service manager does that stops all processes of a worker at once.
            _answer(self, _give_back if signal == "SIGTERM" else lambda claim: put_back(claim, reason))

    def cancel(self, pool: BasePool, signal: str | None = None, emit_retry: bool = True) -> None:
        """Give the radiograph back that a cold shutdown takes from its process; threads run to the worker's end."""
        with suppress(NotImplementedError):
            super().cancel(pool, signal, emit_retry)
        _answer(self, _give_back)
        # Celery announces a cold shutdown only when the pool has ended, which a thread that hangs would prevent.
        stop_within(settings.worker().worker_stop_seconds)


@cache
def stop_within(seconds: float) -> None:
    """Give back what is still in hand after a time, and end this process, whatever its orderly stop waits for.

    The first call counts.

    Parameters
    ----------
    seconds
        From now, when the worker has been told to stop.
    """
    timer = threading.Timer(seconds, _end)
    timer.daemon = True
    timer.start()


def _end() -> None:
    """End the worker; its pool's processes end with it. Messages not acknowledged are published again by the sweep."""
    # A delivery is not answered for: its claim lapses, and it is sent again under the same UIDs.
    in_hand = [request for request in state.active_requests if isinstance(request, AnsweredFor)]
    logger.warning("stop_cut_short", radiographs=len(in_hand))
    try:
        for request in in_hand:
            _answer(request, _give_back)
    finally:
        os._exit(0)


def _answer(request: AnsweredFor, write: Callable[[Claim], None]) -> None:
    """Write how a task ended that cannot do it itself; where that is not possible its claim lapses."""
    step, (radiograph_id, *_) = steps.STEP_OF_QUEUE[request.name], request.args
    lease_seconds = settings.worker().lease_seconds(step)
    with bound_contextvars(radiograph_id=radiograph_id, step=step.queue):
        try:
            with transaction() as session:
                session.connection()  # which may take a while, and the task grows older meanwhile
                age_seconds = monotonic() - request.begun_at + _SLACK_SECONDS
                claim = states.claim_of_task(session, radiograph_id, step, lease_seconds, age_seconds)
            if claim is not None:
                write(claim)
        except (TransientError, LapsedClaimError) as error:
            logger.warning("task_not_answered_for", reason=str(error))
        finally:
            engine().dispose()  # the next process of the pool is forked from this one


def _give_back(claim: Claim) -> None:
    with transaction() as session:
        states.give_back(session, claim)
    logger.info("radiograph_given_back")


def _signal(lost: WorkerLostError) -> str | None:
    """Return what ended a process, from what Celery says of it: `exited prematurely: signal 6 (SIGABRT)`."""
    found = _SIGNAL.search(str(lost))
    return found and found[1]
