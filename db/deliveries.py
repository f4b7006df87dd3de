"""The deliveries of results to archives: one function makes each transition, inside the caller's transaction.

They are planned in the transaction that records an assessment, so that none is forgotten. As for radiographs, the row
is the truth and a message only a hint: whoever sends *claims* what waits for one destination of one assessment, and
what a lapsed claim holds is sent again, under the same UIDs. A destination that is away costs no attempt, and postpones
all that waits for it; only an answer that is no Success is charged.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, aliased

from db import settings
from db.clock import in_seconds
from db.tables import Assessment, Delivery, Radiograph
from db.vocabulary import DeliveryState, ResultObject

QUEUE = "deliver"  # the task's name, too
_NOW = func.clock_timestamp()
_NOT_THERE = (DeliveryState.FAILED, DeliveryState.WITHDRAWN)
_OUTDATED = "a later assessment came before it was sent"
_MOST_DOUBLINGS = 10  # so that the power below stays a number
_DIED = "whoever sent it died or hung"


def plan(
    session: Session, assessment_id: int, uids: Mapping[ResultObject, str], destinations: Iterable[str]
) -> list[int]:
    """Let objects of an assessment go to destinations; what is on its way or there stays as it is.

    Parameters
    ----------
    session
        An open transaction; publish after its commit.
    assessment_id
        The row.
    uids
        The objects' SOP Instance UIDs.
    destinations
        AE titles.

    Returns
    -------
    list of int
        One id for each destination with anything new, for a message.
    """
    predecessors = {ResultObject.REPORT: _predecessor(session, assessment_id)}
    rows = [
        {
            "assessment_id": assessment_id,
            "destination": to,
            "object": kind,
            "sop_instance_uid": uid,
            "predecessor_uid": predecessors.get(kind),
            "due_at": _NOW,
        }
        for to in destinations
        for kind, uid in uids.items()
    ]
    if not rows:
        return []
    anew = {"state": DeliveryState.WAITING, "refusals": 0, "due_at": _NOW, "planned_at": _NOW}
    planned = (
        insert(Delivery)
        .values(rows)
        .on_conflict_do_update(
            index_elements=["assessment_id", "destination", "object"], set_=anew, where=Delivery.state.in_(_NOT_THERE)
        )
        .returning(Delivery.id, Delivery.destination)
    )
    return list({destination: delivery_id for delivery_id, destination in session.execute(planned)}.values())


def _predecessor(session: Session, assessment_id: int) -> str | None:
    """Return the report that an assessment's is to replace: the last of its SOP instance that is or may be delivered.

    It is decided once, so that the report stays the same; one in another study stands in nobody's way.
    """
    this, earlier = aliased(Radiograph), aliased(Radiograph)
    of_this = select(Assessment.radiograph_id).where(Assessment.id == assessment_id).scalar_subquery()
    return session.scalar(
        select(Delivery.sop_instance_uid)
        .join(Assessment, Assessment.id == Delivery.assessment_id)
        .join(earlier, earlier.id == Assessment.radiograph_id)
        .join(this, and_(this.id == of_this, this.sop_instance_uid == earlier.sop_instance_uid))
        .where(
            this.study_instance_uid == earlier.study_instance_uid,
            Assessment.id < assessment_id,
            Delivery.object == ResultObject.REPORT,
            or_(Delivery.delivered_at.is_not(None), Delivery.state == DeliveryState.SENDING),
        )
        .order_by(Assessment.id.desc())
        .limit(1)
    )


def claim(session: Session, delivery_id: int, lease_seconds: float) -> list[Delivery]:
    """Take all that waits for the destination of one delivery and belongs to the same assessment.

    What a later assessment has outdated is withdrawn instead.

    Parameters
    ----------
    session
        An open transaction.
    delivery_id
        The row that a message names.
    lease_seconds
        How long the claim holds; longer than sending may take.

    Returns
    -------
    list of Delivery
        Empty when there is nothing to do: sent already, in other hands, or not due.
    """
    named = select(Delivery.assessment_id, Delivery.destination).where(Delivery.id == delivery_id).subquery()
    mine = and_(
        Delivery.assessment_id == select(named.c.assessment_id).scalar_subquery(),
        Delivery.destination == select(named.c.destination).scalar_subquery(),
        _under_way(),
        Delivery.due_at <= _NOW,
    )
    # In one order, for who postpones them locks them too.
    session.execute(select(Delivery.id).where(mine).order_by(Delivery.id).with_for_update())
    outdated = select(Assessment.id).where(
        Assessment.id == Delivery.assessment_id, Assessment.superseded_at.is_not(None)
    )
    session.execute(
        _silent(update(Delivery).where(mine, outdated.exists())).values(
            state=DeliveryState.WITHDRAWN, last_error=_OUTDATED, due_at=None
        )
    )
    taken = {"state": DeliveryState.SENDING, "attempts": Delivery.attempts + 1, "due_at": in_seconds(lease_seconds)}
    claimed = session.scalars(_silent(update(Delivery).where(mine)).values(**taken).returning(Delivery))
    return sorted(claimed, key=lambda row: row.object, reverse=True)  # the report before the picture


def delivered(session: Session, delivery_id: int) -> None:
    """Note that a destination answered Success, whoever has the row by now."""
    ended = {"state": DeliveryState.DELIVERED, "due_at": None, "last_error": None, "delivered_at": _NOW}
    nothing_asked = {"commitment_uid": None, "committed_at": None}
    session.execute(_silent(update(Delivery).where(Delivery.id == delivery_id)).values(**ended, **nothing_asked))


def note_asked(session: Session, delivery_ids: Collection[int], commitment_uid: str | None) -> None:
    """Note by which transaction UID a destination is asked to commit to objects; None where it does not take that."""
    session.execute(
        _silent(update(Delivery).where(Delivery.id.in_(delivery_ids), Delivery.committed_at.is_(None))).values(
            commitment_uid=commitment_uid
        )
    )


def reached(session: Session, destination: str) -> int:
    """Let what waits for a destination that was away be sent now; return how much that is."""
    waiting = Delivery.destination == destination, Delivery.state == DeliveryState.WAITING, Delivery.refusals == 0
    return _count(session, update(Delivery).where(*waiting, Delivery.due_at > _NOW).values(due_at=_NOW))


def refused(session: Session, held: Delivery, reason: str, delay_seconds: float) -> DeliveryState | None:
    """Charge an attempt: wait for the next one, or end as ``FAILED`` after the last.

    Parameters
    ----------
    session
        An open transaction.
    held
        The row as it was claimed.
    reason
        What the destination answered, or why the object cannot be made; without patient data.
    delay_seconds
        How long it waits at least.

    Returns
    -------
    DeliveryState or None
        What it is now; None where somebody else has it by now.
    """
    return session.scalar(
        _charged(update(Delivery).where(*_mine(held)), reason, delay_seconds).returning(Delivery.state)
    )


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
    given_up += _count(session, overdue.values(state=DeliveryState.FAILED, due_at=None, last_error=reason))
    session.execute(_silent(update(Delivery).where(Delivery.id.in_(ids))).values(due_at=in_seconds(delay_seconds)))
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
        session.scalar(_silent(update(Delivery).where(*_mine(row))).values(**waiting).returning(Delivery.state))
        for row in held
    ]
    return left.count(DeliveryState.FAILED)


def _delay_seconds(tries: int, patience: Patience) -> float:
    doublings = min(max(tries - 1, 0), _MOST_DOUBLINGS)
    return min(patience.first_seconds * 2.0**doublings, patience.longest_seconds)


def _is_over(patience: Patience) -> ColumnElement[bool]:
    return Delivery.planned_at < _NOW - timedelta(days=patience.give_up_days)


def _mine(row: Delivery) -> tuple[ColumnElement[bool], ...]:
    """Return that a row is still held by whoever claimed it."""
    return Delivery.id == row.id, Delivery.state == DeliveryState.SENDING, Delivery.attempts == row.attempts


def expire_claims(session: Session) -> int:
    """Put back what was claimed by whoever died; return how much that is."""
    lapsed = Delivery.state == DeliveryState.SENDING, Delivery.due_at < _NOW
    return _count(session, update(Delivery).where(*lapsed).values(state=DeliveryState.WAITING, last_error=_DIED))


def due(session: Session, limit: int) -> list[int]:
    """Return what waits and may be sent, one id for each assessment and destination, longest due first."""
    waiting = Delivery.state == DeliveryState.WAITING, Delivery.due_at <= _NOW
    first = (
        select(func.min(Delivery.id))
        .where(*waiting)
        .group_by(Delivery.assessment_id, Delivery.destination)
        .order_by(func.min(Delivery.due_at))
        .limit(limit)
    )
    return list(session.scalars(first))


def is_at_work(session: Session) -> bool:
    """Return whether anybody holds a claim that has not lapsed."""
    held = select(Delivery.id).where(Delivery.state == DeliveryState.SENDING, Delivery.due_at > _NOW)
    return session.scalar(held.limit(1)) is not None


def committed(session: Session, commitment_uid: str, sop_instance_uids: Collection[str]) -> int:
    """Note that a destination keeps objects that it was asked for; return how many were not known to be kept."""
    asked = Delivery.commitment_uid == commitment_uid, Delivery.sop_instance_uid.in_(sop_instance_uids)
    return _count(session, update(Delivery).where(*asked, Delivery.committed_at.is_(None)).values(committed_at=_NOW))


def not_committed(session: Session, commitment_uid: str, reasons: Mapping[str, str], delay_seconds: float) -> int:
    """Let objects that a destination does not keep be sent again, as after any refusal; return how many they are.

    Parameters
    ----------
    session
        An open transaction.
    commitment_uid
        The transaction UID of its report.
    reasons
        Why, by SOP Instance UID.
    delay_seconds
        How long they wait at least.
    """
    count = 0
    for uid, reason in reasons.items():
        asked = (
            Delivery.commitment_uid == commitment_uid,
            Delivery.sop_instance_uid == uid,
            Delivery.state == DeliveryState.DELIVERED,
            Delivery.committed_at.is_(None),
        )
        count += _count(session, _charged(update(Delivery).where(*asked), reason, delay_seconds))
    return count


def retry(session: Session, delivery_ids: Collection[int] | None = None) -> int:
    """Let deliveries begin anew; return how many they are.

    Parameters
    ----------
    session
        An open transaction.
    delivery_ids
        Which, whatever became of them but being sent right now; None: all that FAILED.
    """
    # The attempts are counted on: they tell whoever had claimed a row before from who claims it now.
    anew = {"state": DeliveryState.WAITING, "refusals": 0, "due_at": _NOW, "planned_at": _NOW}
    chosen = Delivery.state == DeliveryState.FAILED
    if delivery_ids is not None:
        chosen = and_(Delivery.id.in_(delivery_ids), Delivery.state != DeliveryState.SENDING)
    return _count(session, update(Delivery).where(chosen).values(**anew))


def _charged(chosen: Update, reason: str, delay_seconds: float) -> Update:
    is_last = Delivery.refusals + 1 >= settings.shared().attempts
    return _silent(chosen).values(
        state=case((is_last, DeliveryState.FAILED), else_=DeliveryState.WAITING),
        refusals=Delivery.refusals + 1,
        due_at=case((is_last, None), else_=in_seconds(delay_seconds)),
        last_error=reason,
    )


def _under_way() -> ColumnElement[bool]:
    return or_(Delivery.state == DeliveryState.WAITING, Delivery.state == DeliveryState.SENDING)


def _silent(statement: Update) -> Update:
    return statement.execution_options(synchronize_session=False)


def _count(session: Session, statement: Update) -> int:
    result: Any = session.execute(_silent(statement))
    assert isinstance(result, CursorResult)
    return result.rowcount
