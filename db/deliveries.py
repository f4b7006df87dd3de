"""The deliveries of results to archives: one function makes each transition, inside the caller's transaction.

They are planned in the transaction that records an assessment, so that none is forgotten. As for radiographs, the row
is the truth and a message only a hint: whoever sends *claims* what waits for one destination of one assessment, and
what a lapsed claim holds is sent again, under the same UIDs. A destination that is away costs no attempt, and postpones
all that waits for it (:mod:`db.destinations`); only an answer that is no Success is charged. What a destination was
asked to keep is :mod:`db.commitment_report`'s.
"""

from collections.abc import Collection, Iterable, Mapping
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
# Longer than connecting, negotiating, two objects and a commitment may take at their time limits, which is 92 s. One
# that takes longer all the same is sent twice, under the same UIDs.
LEASE_SECONDS = 100.0
_NOW = func.clock_timestamp()
_NOT_THERE = (DeliveryState.FAILED, DeliveryState.WITHDRAWN)
_OUTDATED = "a later assessment came before it was sent"
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
    destinations = list(destinations)
    if not (destinations and uids):
        return []
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
        silent(update(Delivery).where(mine, outdated.exists())).values(
            state=DeliveryState.WITHDRAWN, last_error=_OUTDATED, due_at=None
        )
    )
    taken = {"state": DeliveryState.SENDING, "attempts": Delivery.attempts + 1, "due_at": in_seconds(lease_seconds)}
    claimed = session.scalars(silent(update(Delivery).where(mine)).values(**taken).returning(Delivery))
    return sorted(claimed, key=lambda row: row.object, reverse=True)  # the report before the picture


def delivered(session: Session, delivery_id: int) -> None:
    """Note that a destination answered Success, whoever has the row by now."""
    ended = {"state": DeliveryState.DELIVERED, "due_at": None, "last_error": None, "delivered_at": _NOW}
    nothing_asked = {"commitment_uid": None, "committed_at": None}
    session.execute(silent(update(Delivery).where(Delivery.id == delivery_id)).values(**ended, **nothing_asked))


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
        charged(update(Delivery).where(*still_held(held)), reason, delay_seconds).returning(Delivery.state)
    )


def expire_claims(session: Session) -> int:
    """Put back what was claimed by whoever died; return how much that is."""
    lapsed = Delivery.state == DeliveryState.SENDING, Delivery.due_at < _NOW
    return count_changed(session, update(Delivery).where(*lapsed).values(state=DeliveryState.WAITING, last_error=_DIED))


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
    return count_changed(session, update(Delivery).where(chosen).values(**anew))


def still_held(row: Delivery) -> tuple[ColumnElement[bool], ...]:
    """Return that a row is still held by whoever claimed it."""
    return Delivery.id == row.id, Delivery.state == DeliveryState.SENDING, Delivery.attempts == row.attempts


def charged(chosen: Update, reason: str, delay_seconds: float) -> Update:
    """Return the update that charges rows an attempt, and ends those as ``FAILED`` whose last one it was."""
    is_last = Delivery.refusals + 1 >= settings.shared().attempts
    return silent(chosen).values(
        state=case((is_last, DeliveryState.FAILED), else_=DeliveryState.WAITING),
        refusals=Delivery.refusals + 1,
        due_at=case((is_last, None), else_=in_seconds(delay_seconds)),
        last_error=reason,
    )


def _under_way() -> ColumnElement[bool]:
    return or_(Delivery.state == DeliveryState.WAITING, Delivery.state == DeliveryState.SENDING)


def silent(statement: Update) -> Update:
    """Return an update that leaves the objects of a session as they are, for rows that were claimed are looked at."""
    return statement.execution_options(synchronize_session=False)


def count_changed(session: Session, statement: Update) -> int:
    """Execute an update and return how many rows it changed."""
    result: Any = session.execute(silent(statement))
    assert isinstance(result, CursorResult)
    return result.rowcount
