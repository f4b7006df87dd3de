"""What a destination says of objects that it was asked to keep: the report of storage commitment, noted in the rows.

It may come by the association that asked or by a new one to the listener, once, twice or never.

References
----------
DICOM PS3.4 section J.3.3 and table J.3-2; PS3.3 C.14.1.1 (failure reason).
"""

from collections.abc import Collection, Mapping

from pydicom.dataset import Dataset
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db import log
from db.deliveries import charged, count_changed, silent
from db.session import transaction
from db.tables import Delivery
from db.vocabulary import DeliveryState

# What it does not keep is sent again after this; it may have been busy storing it.
_AGAIN_SECONDS = 60.0
_MOST_OBJECTS = 1_000  # an assessment has two

_NOW = func.clock_timestamp()

_log = log.get(__name__)


def unasked(session: Session, of: Delivery) -> list[Delivery]:
    """Return what a destination has of an assessment and was not asked to commit to.

    Parameters
    ----------
    session
        An open transaction.
    of
        Any delivery of the assessment to the destination.
    """
    same = Delivery.assessment_id == of.assessment_id, Delivery.destination == of.destination
    delivered = Delivery.state == DeliveryState.DELIVERED, Delivery.commitment_uid.is_(None)
    return list(session.scalars(select(Delivery).where(*same, *delivered).order_by(Delivery.id)))


def note_asked(session: Session, delivery_ids: Collection[int], commitment_uid: str | None) -> None:
    """Note by which transaction UID a destination is asked to commit to objects; None where it does not take that."""
    session.execute(
        silent(update(Delivery).where(Delivery.id.in_(delivery_ids), Delivery.committed_at.is_(None))).values(
            commitment_uid=commitment_uid
        )
    )


def take(information: Dataset) -> bool:
    """Note a report in the rows of the deliveries.

    Parameters
    ----------
    information
        The event information of an N-EVENT-REPORT, trusted in nothing. Not changed.

    Returns
    -------
    bool
        Whether it can be understood; one of objects that nobody asked for can, and changes nothing.

    Raises
    ------
    TransientError
        When the database is away.
    """
    try:
        commitment_uid = str(information.TransactionUID)
        kept = [str(item.ReferencedSOPInstanceUID) for item in information.get("ReferencedSOPSequence") or ()]
        failed = {
            str(item.ReferencedSOPInstanceUID): f"it does not keep it (failure reason 0x{int(item.FailureReason):04X})"
            for item in information.get("FailedSOPSequence") or ()
        }
    except Exception:  # noqa: BLE001  pydicom raises whatever its parsing of a stranger's bytes runs into
        return False
    if len(kept) + len(failed) > _MOST_OBJECTS:
        return False
    with transaction() as session:
        kept_count = committed(session, commitment_uid, kept)
        again = not_committed(session, commitment_uid, failed, _AGAIN_SECONDS)
    if kept_count or again:
        _log.info("deliveries_committed", objects=kept_count, sent_again=again)
    return True


def committed(session: Session, commitment_uid: str, sop_instance_uids: Collection[str]) -> int:
    """Note that a destination keeps objects that it was asked for; return how many were not known to be kept."""
    asked = Delivery.commitment_uid == commitment_uid, Delivery.sop_instance_uid.in_(sop_instance_uids)
    return count_changed(
        session, update(Delivery).where(*asked, Delivery.committed_at.is_(None)).values(committed_at=_NOW)
    )


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
        count += count_changed(session, charged(update(Delivery).where(*asked), reason, delay_seconds))
    return count
