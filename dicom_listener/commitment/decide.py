"""What is truly there: an object is committed when its row, its file and its bytes all say so.

After :mod:`ledger`, before :mod:`report`. Custody is taken in the database before anybody is told of it.

References
----------
DICOM PS3.4 section J.3.3.1 (what a provider may report), PS3.3 section C.14.1.1 (failure reasons).
"""

from collections.abc import Collection, Iterable
from datetime import timedelta

from sqlalchemy import func, literal, select, update

from db import log
from db.session import transaction
from db.tables import Radiograph, StorageCommitment
from dicom_listener.commitment.evidence import reason_against_file
from dicom_listener.commitment.references import Outcome, Reference
from dicom_listener.commitment.statuses import FailureReason
from dicom_listener.store import Arrival, Store

# What was stored has its row within milliseconds; this long the sweep is given, for one that waits in the inbox.
PATIENCE = timedelta(seconds=60)

_log = log.get(__name__)


def decide(commitment: StorageCommitment, store: Store, sop_classes: Collection[str]) -> Outcome | None:
    """Take custody of what is there, and say what is not.

    Parameters
    ----------
    commitment
        The request.
    store
        Where the objects lie.
    sop_classes
        Those that can be stored here.

    Returns
    -------
    Outcome or None
        None as long as one of the objects may still get its row.

    Raises
    ------
    TransientError
        When the database is away.
    """
    references = [Reference(**name) for name in commitment.referenced]
    # In this order: an object leaves the inbox only after its row was committed.
    arriving = {arrival.sop_instance_uid for path in store.arrivals() if (arrival := Arrival.of(path))}
    rows, waited = _look_up(commitment)
    if waited < PATIENCE and any(reference.sop_instance_uid in arriving for reference in references):
        return None
    failed: dict[Reference, FailureReason] = {}
    sound: dict[Reference, int] = {}
    for reference in references:
        row = None if reference.sop_instance_uid in arriving else rows.get(reference.sop_instance_uid)
        reason = _reason_against(reference, row, store, sop_classes)
        if reason is None:
            sound[reference] = rows[reference.sop_instance_uid].id
        else:
            failed[reference] = reason
    taken = _take_custody(sound.values())
    # Purged or forgotten since it was looked up.
    failed |= {reference: FailureReason.NO_SUCH_OBJECT_INSTANCE for reference, row in sound.items() if row not in taken}
    committed = tuple(reference for reference, row in sound.items() if row in taken)
    _log.info("commitment_decided", commitment_id=commitment.id, committed=len(committed), failed=len(failed))
    return Outcome(committed, failed)


def _look_up(commitment: StorageCommitment) -> tuple[dict[str, Radiograph], timedelta]:
    """Return the current revisions of what was asked for, and for how long it has been, by the database's clock."""
    uids = {name["sop_instance_uid"] for name in commitment.referenced}
    is_kept = Radiograph.superseded_at.is_(None), Radiograph.purged_at.is_(None)
    with transaction() as session:
        found = session.scalars(select(Radiograph).where(Radiograph.sop_instance_uid.in_(uids), *is_kept)).all()
        waited = session.scalar(select(func.clock_timestamp() - literal(commitment.requested_at)))
    return {row.sop_instance_uid: row for row in found}, waited or timedelta()


def _reason_against(
    reference: Reference, row: Radiograph | None, store: Store, sop_classes: Collection[str]
) -> FailureReason | None:
    """Return why an object cannot be committed; None where nothing speaks against it."""
    if reference.sop_class_uid not in sop_classes:
        return FailureReason.SOP_CLASS_NOT_SUPPORTED
    if row is None:
        return FailureReason.NO_SUCH_OBJECT_INSTANCE
    if row.sop_class_uid != reference.sop_class_uid:
        return FailureReason.CLASS_INSTANCE_CONFLICT
    return reason_against_file(store.root / row.object_path, row)


def _take_custody(radiograph_ids: Iterable[int]) -> set[int]:
    """Note what is kept from now on, and return it: not what was purged meanwhile."""
    there = Radiograph.id.in_(list(radiograph_ids)), Radiograph.purged_at.is_(None)
    since = func.coalesce(Radiograph.committed_at, func.now())
    with transaction() as session:
        taken = update(Radiograph).where(*there).values(committed_at=since).returning(Radiograph.id)
        return set(session.scalars(taken))
