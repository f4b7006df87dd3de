"""The states of a radiograph: one function makes each transition, inside the caller's transaction.

The row is the truth and a message only a hint, so that any message may be lost or come twice. A worker *claims* a
radiograph before it works; the claim's number is its token, without which nothing can be finished. It only grows, while
an attempt that is not charged, or a way begun again, may count like one whose worker still comes back. A row whose
``due_at`` has passed is the sweep's (:mod:`db.overdue`): in a waiting state its message was lost, in a working state
its worker.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from db import settings
from db.clock import due_in, in_seconds
from db.errors import CarpusError
from db.steps import Step
from db.tables import Radiograph
from db.vocabulary import State

WAITING: dict[str, Any] = {"waiting_since": func.clock_timestamp()}
_ENDED: dict[str, Any] = {"due_at": None, "ended_at": func.clock_timestamp()}


class LapsedClaimError(CarpusError):
    """The claim had lapsed and the radiograph has gone on without this worker: drop what was made."""


@dataclass(frozen=True)
class Claim:
    """A worker's right to finish one step of one radiograph."""

    radiograph: Radiograph
    step: Step
    token: int
    attempt: int
    waited_ms: float


def claim(session: Session, radiograph_id: int, step: Step, lease_seconds: float) -> Claim | None:
    """Take a waiting radiograph, or one whose worker's claim has lapsed.

    Parameters
    ----------
    session
        An open transaction.
    radiograph_id
        The row.
    step
        The step to work on.
    lease_seconds
        How long the claim holds; longer than the step may take.

    Returns
    -------
    Claim or None
        None when there is nothing to do: done already, in other hands, or out of attempts.
    """
    lapsed = and_(Radiograph.state == step.working, Radiograph.due_at < func.clock_timestamp())
    # A clock that was set back meanwhile may say less than nothing.
    waited = func.greatest(func.extract("epoch", func.clock_timestamp() - Radiograph.waiting_since) * 1000, 0)
    row = session.execute(
        update(Radiograph)
        .where(
            Radiograph.id == radiograph_id,
            Radiograph.attempts < settings.shared().attempts,
            or_(Radiograph.state == step.waiting, lapsed),
        )
        .values(
            state=step.working,
            attempts=Radiograph.attempts + 1,
            claims=Radiograph.claims + 1,
            **due_in(lease_seconds),
        )
        .returning(Radiograph, waited)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return Claim(row[0], step, row[0].claims, row[0].attempts, float(row[1])) if row else None


def claim_of_task(
    session: Session, radiograph_id: int, step: Step, lease_seconds: float, age_seconds: float
) -> Claim | None:
    """Return the claim that a task took, for whoever answers in its place; the task itself is past telling.

    Parameters
    ----------
    session
        An open transaction.
    radiograph_id
        The row that the task was given.
    step
        The step it did.
    lease_seconds
        How long its claims hold.
    age_seconds
        How long ago it began. A claim older than that is another's, and its own holds so long that nobody has taken the
        radiograph since.

    Returns
    -------
    Claim or None
        None where the task had none, or no longer.
    """
    row = session.scalar(
        select(Radiograph).where(
            Radiograph.id == radiograph_id,
            Radiograph.state == step.working,
            Radiograph.due_at >= in_seconds(lease_seconds - age_seconds),
        )
    )
    return Claim(row, step, row.claims, row.attempts, 0.0) if row else None


def finish(session: Session, held: Claim, **columns: Any) -> datetime | None:
    """Move a claimed radiograph on to its step's next state, writing what the step found out.

    Parameters
    ----------
    session
        An open transaction.
    held
        The claim; it is over afterwards.
    columns
        Of ``radiograph``, by name.

    Returns
    -------
    datetime or None
        When a later revision superseded it meanwhile; none does before the transaction ends.

    Raises
    ------
    LapsedClaimError
        When the claim had lapsed and somebody else took the radiograph.
    """
    done = held.step.done
    if done.is_end:
        return _leave(session, held, state=done, state_reason=None, **_ENDED, **columns)
    due = due_in(settings.shared().republish_seconds)
    return _leave(session, held, state=done, state_reason=None, attempts=0, **due, **WAITING, **columns)


def reject(session: Session, held: Claim, reason: str) -> None:
    """End a claimed radiograph as ``REJECTED`` for a permanent reason.

    Parameters
    ----------
    session
        An open transaction.
    held
        The claim; it is over afterwards.
    reason
        What is wrong and what to do, without patient data.

    Raises
    ------
    LapsedClaimError
        As in :func:`finish`.
    """
    _leave(session, held, state=State.REJECTED, state_reason=reason, **_ENDED)


def retry_later(session: Session, held: Claim, reason: str, delay_seconds: float) -> State:
    """Put a claimed radiograph back to wait for its next attempt, or end it as ``FAILED`` after the last.

    Parameters
    ----------
    session
        An open transaction.
    held
        The claim; it is over afterwards.
    reason
        What failed, without patient data.
    delay_seconds
        How long it waits at least.

    Returns
    -------
    State
        The state it went to.

    Raises
    ------
    LapsedClaimError
        As in :func:`finish`.
    """
    if held.attempt >= settings.shared().attempts:
        _leave(session, held, state=State.FAILED, state_reason=reason, **_ENDED)
        return State.FAILED
    _leave(session, held, state=held.step.waiting, state_reason=reason, **due_in(delay_seconds), **WAITING)
    return held.step.waiting


def give_back(session: Session, held: Claim, reason: str | None = None, delay_seconds: float = 0) -> None:
    """Put a claimed radiograph back to wait as if it had never been claimed, for what came between is not its fault.

    Parameters
    ----------
    session
        An open transaction.
    held
        The claim; it is over afterwards.
    reason
        What is away or full; None where its worker was stopped.
    delay_seconds
        How long it waits at least.

    Raises
    ------
    LapsedClaimError
        As in :func:`finish`.
    """
    waiting: dict[str, Any] = {"state": held.step.waiting, "attempts": held.attempt - 1, **WAITING}
    _leave(session, held, **waiting, state_reason=reason, **due_in(delay_seconds))


def read_again(session: Session, held: Claim, reason: str) -> None:
    """Put a claimed radiograph back to be read, for what reading made is gone; only as often as there are attempts.

    Parameters
    ----------
    session
        An open transaction.
    held
        The claim; it is over afterwards.
    reason
        What is gone.

    Raises
    ------
    LapsedClaimError
        As in :func:`finish`.
    """
    if held.radiograph.reads >= settings.shared().attempts:
        _leave(session, held, state=State.FAILED, state_reason=reason, **_ENDED)
    else:
        _leave(session, held, state=State.RECEIVED, state_reason=reason, attempts=0, **due_in(0), **WAITING)


def _leave(session: Session, held: Claim, **columns: Any) -> datetime | None:
    left = session.execute(
        update(Radiograph)
        .where(
            Radiograph.id == held.radiograph.id,
            Radiograph.state == held.step.working,
            Radiograph.claims == held.token,
        )
        .values(**columns)
        .returning(Radiograph.superseded_at)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if left is None:
        raise LapsedClaimError(
            f"radiograph {held.radiograph.id}: claim {held.token} for the {held.step.queue} had lapsed"
        )
    superseded_at: datetime | None = left.superseded_at
    return superseded_at
