"""A destination that is away, and is back: how long all that is to be delivered to it waits, at no cost of an attempt.

The way of a delivery itself is :mod:`db.deliveries`. Each function works inside the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, case, func, select, update
from sqlalchemy.orm import Session

from db.clock import in_seconds
from db.deliveries import LEASE_SECONDS, count_changed, silent, still_held
from db.tables import Delivery
from db.vocabulary import DeliveryState

LONGEST_WAIT_SECONDS = 60.0  # a destination that is back waits no longer than this
_MOST_DOUBLINGS = 10  # so that the power below stays a number
_NOW = func.clock_timestamp()


@dataclass(frozen=True)
class Patience:
    """How long is waited for a destination.

    Attributes
    ----------
    first_seconds, longest_seconds
        Before the second attempt, doubled for each further one, up to the longest.
    give_up_days
        What was planned longer ago ends as ``FAILED``.
    """

    first_seconds: float
    longest_seconds: float
    give_up_days: float


def away(session: Session, held: Sequence[Delivery], reason: str, patience: Patience) -> int:
    """Postpone all that is due for a destination that is away, at no cost of an attempt.

    Parameters
    ----------
    session
        An open transaction.
    held
        The rows as they were claimed, of one destination.
    reason
        How it is away.
    patience
        How long they wait.

    Returns
    -------
    int
        How many are given up.
    """
    waiting = Delivery.destination == held[0].destination, Delivery.state == DeliveryState.WAITING
    tried = session.scalar(select(func.max(Delivery.attempts - Delivery.refusals)).where(*waiting)) or 0
    delay_seconds = _delay_seconds(max(tried, *(row.attempts - row.refusals for row in held)), patience)
    given_up = _put_back(session, held, reason, delay_seconds, patience)
    ids = select(Delivery.id).where(*waiting, Delivery.due_at <= _NOW).order_by(Delivery.id).with_for_update()
    overdue = update(Delivery).where(Delivery.id.in_(ids), _is_over(patience))
    given_up += count_changed(session, overdue.values(state=DeliveryState.FAILED, due_at=None, last_error=reason))
    session.execute(silent(update(Delivery).where(Delivery.id.in_(ids))).values(due_at=in_seconds(delay_seconds)))
    return given_up


def put_back(session: Session, held: Sequence[Delivery], reason: str, patience: Patience) -> int:
    """Let what was claimed wait again, at no cost of an attempt, for what is no fault of its own.

    Parameters
    ----------
    session
        An open transaction.
    held
        The rows as they were claimed; what somebody else has by now is left to it.
    reason
        What it waits for.
    patience
        How long it waits.

    Returns
    -------
    int
        How many are given up.
    """
    delay_seconds = _delay_seconds(max(row.attempts - row.refusals for row in held), patience)
    return _put_back(session, held, reason, delay_seconds, patience)


def _put_back(session: Session, held: Sequence[Delivery], reason: str, delay_seconds: float, patience: Patience) -> int:
    is_over = _is_over(patience)
    waiting = {
        "state": case((is_over, DeliveryState.FAILED), else_=DeliveryState.WAITING),
        "due_at": case((is_over, None), else_=in_seconds(delay_seconds)),
        "last_error": reason,
    }
    left = [
        session.scalar(silent(update(Delivery).where(*still_held(row))).values(**waiting).returning(Delivery.state))
        for row in held
    ]
    return left.count(DeliveryState.FAILED)


def _delay_seconds(tries: int, patience: Patience) -> float:
    doublings = min(max(tries - 1, 0), _MOST_DOUBLINGS)
    return min(patience.first_seconds * 2.0**doublings, patience.longest_seconds)


def _is_over(patience: Patience) -> ColumnElement[bool]:
    return Delivery.planned_at < _NOW - timedelta(days=patience.give_up_days)


def reached(session: Session, destination: str) -> int:
    """Let what waits for a destination that was away be sent now; return how much that is."""
    waiting = Delivery.destination == destination, Delivery.state == DeliveryState.WAITING, Delivery.refusals == 0
    return count_changed(session, update(Delivery).where(*waiting, Delivery.due_at > _NOW).values(due_at=_NOW))


def mend_due_times(session: Session) -> int:
    """Let nothing be held, or wait for a destination, longer than it ever may, as after a clock that was set back.

    What was refused keeps its time, since only workers know how long that may be.

    Returns
    -------
    int
        How many there were.
    """
    held = Delivery.state == DeliveryState.SENDING
    waiting = and_(Delivery.state == DeliveryState.WAITING, Delivery.refusals == 0)
    mended = 0
    for which, longest_seconds in ((held, LEASE_SECONDS), (waiting, LONGEST_WAIT_SECONDS)):
        latest = in_seconds(longest_seconds)
        mended += count_changed(session, update(Delivery).where(which, Delivery.due_at > latest).values(due_at=latest))
    return mended
