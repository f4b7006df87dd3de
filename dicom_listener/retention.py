"""Stored images are purged so many days after they ended; their rows and results stay.

Called by :mod:`sweep`, a bounded number at a time. What a person may requeue from the stored object is kept:
``FAILED``, and what its reader rejected, for a later version may read it. What was not applicable, or rejected when it
came, is purged: nothing comes of it here. Kept, too, is what a storage commitment took custody of, and the standard
radiograph of one that a human read, which training needs. After the database's clock was set ahead, purging waits for a
day in which a person can notice.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Row, and_, exists, func, not_, or_, select, tuple_
from sqlalchemy.orm import Session

from db import fault, log
from db.session import transaction
from db.tables import Assessment, Delivery, Radiograph, ReadingListItem, ReferenceRead
from db.vocabulary import DeliveryState, State
from dicom_listener.register import lock_instance
from dicom_listener.removal import remove_files

DAY_SECONDS = 86_400.0
BATCH = 100  # radiographs, each in a transaction of its own: some seconds' work, and the sweep has other things to do
PAUSE_SECONDS = 600.0  # after everything that was due is purged
# Ahead: purged so much too early, nothing is missed; and a virtual machine may be paused for minutes.
JUMP_SECONDS = 3_600.0

# Attempts are counted once it is read; see states.requeue.
_NEEDS_THE_OBJECT = (DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.FAILED)
_MAY_BE_REQUEUED = or_(
    Radiograph.state == State.FAILED, and_(Radiograph.state == State.REJECTED, Radiograph.attempts > 0)
)

_log = log.get(__name__)


class Retention:
    """Purges what is older than the site keeps it.

    Parameters
    ----------
    store
        The store's folder.
    days
        Days after its end that a stored image is kept; None for ever.
    """

    def __init__(self, store: Path, days: int | None) -> None:
        self._store = store
        self._days = days
        self._due_at = 0.0
        self._behind: tuple[datetime, int] | None = None  # the last looked at: ended when, and id
        self._offset_seconds: float | None = None  # the database's clock against this machine's running time

    def purge_some(self) -> int:
        """Purge a batch, where it is time for one, and return how many radiographs that were.

        Raises
        ------
        TransientError
            When the database is away.
        """
        if self._days is None:
            return 0
        self._watch_clock()
        if _running_seconds() < self._due_at:
            return 0
        found = self._next_batch(self._days)
        purged = sum(self._purge(row.id, row.sop_instance_uid) for row in found)
        if purged:
            _log.info("radiographs_purged", radiographs=purged)
        self._behind = (found[-1].ended_at, found[-1].id) if len(found) == BATCH else None
        if self._behind is None:
            self._due_at = _running_seconds() + PAUSE_SECONDS
        return purged

    def _next_batch(self, days: int) -> Sequence[Row[int, str, datetime | None]]:
        """Return what is due behind the last that was looked at, so that what cannot be removed holds nothing up."""
        wanted = select(Radiograph.id, Radiograph.sop_instance_uid, Radiograph.ended_at).where(_is_due(days))
        if self._behind is not None:
            wanted = wanted.where(tuple_(Radiograph.ended_at, Radiograph.id) > self._behind)
        with transaction() as session:
            return session.execute(wanted.order_by(Radiograph.ended_at, Radiograph.id).limit(BATCH)).all()

    def _watch_clock(self) -> None:
        """Hold purging back where the database's clock was set ahead, wrongly perhaps, so that everything seems old."""
        offset_seconds = _database_seconds() - _running_seconds()
        ahead_seconds = 0.0 if self._offset_seconds is None else offset_seconds - self._offset_seconds
        self._offset_seconds = offset_seconds
        if ahead_seconds > JUMP_SECONDS:
            self._due_at = _running_seconds() + DAY_SECONDS
            _log.warning("purge_held_back", clock_ahead_seconds=round(ahead_seconds), for_seconds=DAY_SECONDS)

    def _purge(self, radiograph_id: int, sop_instance_uid: str) -> bool:
        """Remove one radiograph's files, then commit that they are gone; a kill in between is finished next time."""
        assert self._days is not None
        try:
            with transaction() as session:
                lock_instance(session, sop_instance_uid)  # or the same bytes are registered again meanwhile
                row = session.scalar(
                    select(Radiograph)
                    .where(Radiograph.id == radiograph_id, _is_due(self._days))
                    .with_for_update(skip_locked=True)
                )
                if row is None:
                    return False
                self._remove_files(session, row)
                fault.point("purge_uncommitted")
                row.purged_at = func.clock_timestamp()
        except OSError:
            _log.exception("object_not_purged", radiograph_id=radiograph_id)
            return False
        return True

    def _remove_files(self, session: Session, row: Radiograph) -> None:
        gone = []
        others = exists().where(
            Radiograph.object_path == row.object_path, Radiograph.id != row.id, Radiograph.purged_at.is_(None)
        )
        if not session.scalar(select(others)):  # revisions with the same bytes share the file
            gone.append(self._store / row.object_path)
        read = select(ReferenceRead.radiograph_id).where(ReferenceRead.radiograph_id == row.id)
        to_be_read = select(ReadingListItem.radiograph_id).where(ReadingListItem.radiograph_id == row.id)
        if session.scalar(read.union_all(to_be_read).limit(1)) is None:
            gone.append(self._store / row.standard_file)
            row.standard_path = row.standard_sha256 = None
        remove_files(gone)


def _database_seconds() -> float:
    with transaction() as session:
        now: datetime = session.scalars(select(func.clock_timestamp())).one()
        return now.timestamp()


def _running_seconds() -> float:
    """Return the time since this machine started, a suspended time included, which nobody can set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _is_due(days: int) -> ColumnElement[bool]:
    """Return which radiographs may be purged now.

    An image whose result is to be delivered is needed for that when it has ended, and after a failure, too, for a
    person may let it be tried again.
    """
    to_be_delivered = (
        select(Delivery.id)
        .join(Assessment, Assessment.id == Delivery.assessment_id)
        .where(Assessment.radiograph_id == Radiograph.id, Delivery.state.in_(_NEEDS_THE_OBJECT))
    )
    return and_(
        Radiograph.purged_at.is_(None),
        Radiograph.committed_at.is_(None),
        # Not `clock_timestamp`, which changes from row to row, so that all rows would be looked at and no index.
        Radiograph.ended_at < func.statement_timestamp() - timedelta(days=days),
        # A person may still requeue it, unless a later revision took its place.
        or_(not_(_MAY_BE_REQUEUED), Radiograph.superseded_at.is_not(None)),
        not_(to_be_delivered.exists()),
    )
