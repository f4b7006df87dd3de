"""The requests for storage commitment in the database, until their reports were delivered or given up.

Then a row says when and how that went, and no longer what was asked for: what is in custody stands in ``radiograph``.
Whoever works on one has it for :data:`LEASE_SECONDS`; a listener that dies leaves it to the next after that.

References
----------
DICOM PS3.4 section J.3.2.1 and J.3.3.1 (behaviour of user and provider).
"""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import Float, Update, case, cast, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from db import clock
from db.tables import StorageCommitment
from dicom_listener.commitment.references import Reference
from dicom_listener.commitment.statuses import ActionStatus, RefusedRequestError

LEASE_SECONDS = 60
MAX_OPEN = 1_000  # of one AE title
GIVE_UP_AFTER = timedelta(hours=72)  # a modality switched off over a weekend
_FIRST_RETRY_SECONDS = 5
# Once a peer is back it waits no longer than this.
_LONGEST_RETRY_SECONDS = 60
_MOST_DOUBLINGS = 10  # so that the power below stays a number


def take(session: Session, calling_ae_title: str, transaction_uid: str, referenced: Collection[Reference]) -> int:
    """Write a request down and return its id; whoever took it reports within the lease.

    The same request again, from a requester that got no answer or no report, is reported on again.

    Raises
    ------
    RefusedRequestError
        When other objects' report is still to be delivered under the transaction UID, or too many requests of the AE
        title wait for reports.
    """
    names = [reference._asdict() for reference in referenced]
    of_requester = StorageCommitment.calling_ae_title == calling_ae_title
    waiting = session.scalar(select(func.count()).where(of_requester, StorageCommitment.due_at.is_not(None))) or 0
    if waiting >= MAX_OPEN:
        raise RefusedRequestError(ActionStatus.RESOURCE_LIMITATION, "too many requests wait for their reports")
    due_at = clock.in_seconds(LEASE_SECONDS)
    row = {"calling_ae_title": calling_ae_title, "transaction_uid": transaction_uid, "referenced": names}
    new = insert(StorageCommitment).values(**row, due_at=due_at).on_conflict_do_nothing()
    commitment_id = session.scalars(new.returning(StorageCommitment.id)).first()
    if commitment_id is not None:
        return commitment_id
    same = of_requester, StorageCommitment.transaction_uid == transaction_uid
    earlier = session.scalars(select(StorageCommitment).where(*same).with_for_update()).one()
    if earlier.due_at is not None and {Reference(**name) for name in earlier.referenced} != set(referenced):
        used = "this transaction UID is in use for other objects"
        raise RefusedRequestError(ActionStatus.DUPLICATE_TRANSACTION_UID, used)
    anew = {"requested_at": func.now(), "attempts": 0, "reported_at": None, "failure_reason": None}
    session.execute(update(StorageCommitment).where(*same).values(**anew, referenced=names, due_at=due_at))
    return earlier.id


def claim(session: Session, commitment_id: int) -> StorageCommitment | None:
    """Return a request whose report is still to be delivered, for a lease; None when another delivered it."""
    return session.scalar(_leased().where(StorageCommitment.id == commitment_id, _IS_OPEN).returning(StorageCommitment))


def claim_due(session: Session, held: Collection[int], at_most: int) -> list[StorageCommitment]:
    """Return requests that nobody works on, for a lease; not those held for reports on their own associations."""
    due = (
        select(StorageCommitment.id)
        .where(StorageCommitment.due_at <= func.now(), StorageCommitment.id.not_in(held))
        .order_by(StorageCommitment.due_at)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )
    return list(session.scalars(_leased().where(StorageCommitment.id.in_(due)).returning(StorageCommitment)))


def reported(session: Session, commitment_id: int) -> bool:
    """Note that the requester took the report, be it after it was given up; return whether that was not known."""
    over = {"attempts": StorageCommitment.attempts + 1, "reported_at": func.now(), "due_at": None}
    unreported = StorageCommitment.id == commitment_id, StorageCommitment.reported_at.is_(None)
    noted = update(StorageCommitment).where(*unreported).values(**over, failure_reason=None, referenced=[])
    return session.scalar(noted.returning(StorageCommitment.id)) is not None


def postpone(session: Session, commitment_ids: Collection[int], seconds: float) -> None:
    """Leave requests to whoever comes first after a time, without counting an attempt."""
    still_open = update(StorageCommitment).where(StorageCommitment.id.in_(commitment_ids), _IS_OPEN)
    session.execute(still_open.values(due_at=clock.in_seconds(seconds)))


def failed(session: Session, commitment_id: int, reason: str, *, is_final: bool = False) -> bool | None:
    """Note why a report could not be delivered, and when it is tried again.

    Parameters
    ----------
    session
        An open transaction.
    commitment_id
        The request.
    reason
        Why.
    is_final
        Whether trying again cannot help.

    Returns
    -------
    bool or None
        Whether it is given up; None where it was over already.
    """
    doublings = func.least(StorageCommitment.attempts, _MOST_DOUBLINGS)
    wait_seconds = func.least(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * func.power(2.0, cast(doublings, Float)))
    is_over = or_(literal(is_final), StorageCommitment.requested_at < func.now() - GIVE_UP_AFTER)
    again = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, wait_seconds)
    left = {
        "due_at": null() if is_final else case((is_over, null()), else_=again),
        "referenced": literal([], JSONB)
        if is_final
        else case((is_over, literal([], JSONB)), else_=StorageCommitment.referenced),
    }
    tried = {"attempts": StorageCommitment.attempts + 1, "failure_reason": reason} | left
    still_open = update(StorageCommitment).where(StorageCommitment.id == commitment_id, _IS_OPEN)
    noted = session.execute(still_open.values(**tried).returning(StorageCommitment.due_at)).first()
    return None if noted is None else noted.due_at is None


_IS_OPEN = StorageCommitment.due_at.is_not(None)


def _leased() -> Update:
    return update(StorageCommitment).values(due_at=clock.in_seconds(LEASE_SECONDS))
