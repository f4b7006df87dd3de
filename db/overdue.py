"""What the sweep does for radiographs whose time has passed: their claims end, and their messages are published again.

The way of a radiograph itself is :mod:`db.states`. Each function works inside the caller's transaction.
"""

from datetime import timedelta

from sqlalchemy import case, func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from db import settings
from db.clock import due_in
from db.steps import Step
from db.tables import Radiograph
from db.vocabulary import State

_CLOCK_TOLERANCE_SECONDS = 1.0  # a clock that is only slewed stays well within it


def expire_claims(session: Session, step: Step) -> int:
    """Put radiographs whose worker went silent back to wait, or end them as ``FAILED`` after the last attempt.

    Parameters
    ----------
    session
        An open transaction.
    step
        The step they were claimed for.

    Returns
    -------
    int
        How many there were.
    """
    attempts = settings.shared().attempts
    is_last = Radiograph.attempts >= attempts
    result = session.execute(
        update(Radiograph)
        .where(Radiograph.state == step.working, Radiograph.due_at < func.clock_timestamp())
        .values(
            state=case((is_last, State.FAILED), else_=step.waiting),
            state_reason=f"the {step.queue} worker died or hung on it; attempts allowed: {attempts}",
            due_at=case((is_last, None), else_=func.clock_timestamp()),
            due_set_at=func.clock_timestamp(),
            ended_at=case((is_last, func.clock_timestamp()), else_=None),
            waiting_since=func.clock_timestamp(),
        )
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount


def end_used_up(session: Session, step: Step) -> int:
    """End as ``FAILED`` what waits with its attempts used up, as where fewer are allowed now: nobody could claim it.

    Parameters
    ----------
    session
        An open transaction.
    step
        The step they wait for.

    Returns
    -------
    int
        How many there were.
    """
    attempts = settings.shared().attempts
    used_up = f"its attempts are used up: CARPUS_ATTEMPTS allows {attempts} now; the last one failed: "
    result = session.execute(
        update(Radiograph)
        .where(Radiograph.state == step.waiting, Radiograph.attempts >= attempts)
        .values(
            state=State.FAILED,
            state_reason=used_up + func.coalesce(Radiograph.state_reason, "no reason was noted"),
            due_at=None,
            ended_at=func.clock_timestamp(),
        )
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount


def mend_due_times(session: Session) -> int:
    """Let what was made due by a clock that has been set back since be due as long from now on as it was from then.

    Such a row says that it was made due later than it is now. One that was made due longer ago than the clock jumped is
    left: its claim, or its wait, lasts longer by the jump, which is less than it had lasted by then. What was made due
    after the jump is never touched, however many sweeps look, and whenever.

    Parameters
    ----------
    session
        An open transaction.

    Returns
    -------
    int
        How many radiographs there were.
    """
    now = func.clock_timestamp()
    result = session.execute(
        update(Radiograph)
        .where(Radiograph.due_at > now, Radiograph.due_set_at > now + timedelta(seconds=_CLOCK_TOLERANCE_SECONDS))
        .values(due_at=now + (Radiograph.due_at - Radiograph.due_set_at), due_set_at=now)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount


def waiting_count(session: Session, step: Step) -> int:
    """Return how many radiographs wait for a step."""
    return session.scalar(select(func.count()).where(Radiograph.state == step.waiting)) or 0


def take_overdue(session: Session, step: Step, limit: int) -> list[int]:
    """Return the waiting radiographs whose message is presumed lost, longest overdue first, and put their time on.

    Parameters
    ----------
    session
        An open transaction; publish after its commit.
    step
        The step they wait for.
    limit
        At most so many.

    Returns
    -------
    list of int
        Ids of radiographs, to be published again.
    """
    overdue = list(
        session.scalars(
            select(Radiograph.id)
            .where(Radiograph.state == step.waiting, Radiograph.due_at < func.clock_timestamp())
            .order_by(Radiograph.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    session.execute(
        update(Radiograph)
        .where(Radiograph.id.in_(overdue))
        .values(**due_in(settings.shared().republish_seconds))
        .execution_options(synchronize_session=False)
    )
    return overdue
