"""The border between the queue and the work: claim the row, do the step, and answer for whatever happens.

A task does no more than call :func:`perform`. Whatever a step raises, the radiograph ends in a state that says why, and
the worker lives on.
"""

from collections.abc import Callable

from billiard.exceptions import SoftTimeLimitExceeded
from structlog.contextvars import bound_contextvars

from db import fault, log, states
from db.errors import OutageError, RejectedRadiographError, TransientError
from db.session import transaction
from db.settings import shared
from db.states import Claim, LapsedClaimError
from db.steps import Step
from worker import settings
from worker.radiograph import LostRadiographError

LONGEST_RETRY_SECONDS = 600.0

logger = log.get(__name__)


def perform(step: Step, radiograph_id: int, lease_seconds: float, work: Callable[[Claim], None]) -> None:
    """Do one step for one radiograph, at most once at a time.

    Parameters
    ----------
    step
        The step.
    radiograph_id
        The row; a message may come twice or late, then nothing is done.
    lease_seconds
        How long the work may take before the radiograph is given to another worker.
    work
        Does the step and finishes the claim.
    """
    with bound_contextvars(radiograph_id=radiograph_id, step=step.queue):
        try:
            with transaction() as session:
                claim = states.claim(session, radiograph_id, step, lease_seconds)
        except TransientError as error:
            logger.warning("claim_not_possible", reason=str(error))
            return  # the row still waits; the sweep publishes it again
        if claim is None:
            logger.info("nothing_to_do")
            return
        fault.point(f"{step.queue}_claimed")
        try:
            work(claim)
            fault.point(f"{step.queue}_finished")
        except LapsedClaimError as error:
            logger.warning("claim_lapsed", reason=str(error))
        except RejectedRadiographError as error:
            reason = str(error)
            _answer(claim, lambda: _reject(claim, reason))
        except LostRadiographError as error:
            reason = str(error)
            _answer(claim, lambda: _read_again(claim, reason))
        except OutageError as error:
            reason = str(error)
            _answer(claim, lambda: _wait_out(claim, reason))
        except Exception as error:  # the border: any fault is this radiograph's next attempt
            logger.exception("step_failed", attempt=claim.attempt)
            reason = _reason(error, step)
            _answer(claim, lambda: put_back(claim, reason))


def _reject(claim: Claim, reason: str) -> None:
    with transaction() as session:
        states.reject(session, claim, reason)
    logger.info("radiograph_rejected", reason=reason)


def _wait_out(claim: Claim, reason: str) -> None:
    """Let a radiograph wait for what all of them need, at no cost of an attempt: none is made better by failing it."""
    delay_seconds = shared().republish_seconds
    with transaction() as session:
        states.give_back(session, claim, reason, delay_seconds)
    logger.warning("radiograph_waits", reason=reason, delay_seconds=delay_seconds)


def _read_again(claim: Claim, reason: str) -> None:
    with transaction() as session:
        states.read_again(session, claim, reason)
    logger.warning("radiograph_read_again", reason=reason)


def put_back(claim: Claim, reason: str) -> None:
    """Let a radiograph wait for its next attempt, longer each time, or end it after the last.

    Parameters
    ----------
    claim
        It is over afterwards.
    reason
        What failed, without patient data.

    Raises
    ------
    TransientError
        When the database is away.
    LapsedClaimError
        When the radiograph has gone on without this claim.
    """
    delay_seconds = min(settings.worker().retry_seconds * 2 ** (claim.attempt - 1), LONGEST_RETRY_SECONDS)
    with transaction() as session:
        state = states.retry_later(session, claim, reason, delay_seconds)
    logger.warning("radiograph_put_back", state=state, reason=reason, delay_seconds=delay_seconds)


def _reason(error: Exception, step: Step) -> str:
    """Return what went wrong in words that an operator can act on; an unforeseen error's own may quote a patient."""
    match error:
        case TransientError():
            return str(error)
        case SoftTimeLimitExceeded():
            return took_too_long(step)
        case MemoryError():
            return f"the {step.queue} needed more memory than CARPUS_READ_MEMORY_BYTES allows"
        case _:
            return f"{type(error).__name__} in the {step.queue}; see the worker's log"


def took_too_long(step: Step) -> str:
    """Return the reason of what was ended for time."""
    return f"the {step.queue} took longer than CARPUS_READ_SECONDS allows"


def _answer(claim: Claim, write: Callable[[], None]) -> None:
    """Write how a step ended; where that cannot be written the claim lapses, and the sweep takes over."""
    try:
        write()
    except (TransientError, LapsedClaimError) as error:
        logger.warning("end_not_written", attempt=claim.attempt, reason=str(error))
