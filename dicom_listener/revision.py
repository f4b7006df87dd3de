"""The revisions of a SOP instance: what was sent last is valid, and what is sent again may begin its way anew.

Called by :mod:`register`, under the SOP instance's lock.
"""

from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from db.tables import Assessment, Radiograph
from db.vocabulary import State


def insert_revision(session: Session, columns: dict[str, Any], *, is_file_new: bool = False) -> int | None:
    """Insert an object's row as its SOP instance's next revision; what came before it is superseded.

    The last that was sent is the valid one, also where its bytes are those of an earlier, superseded revision. Bytes
    that are sent again begin their way anew, in the row they had, where it had ended without a result or their stored
    object was purged or damaged.

    Parameters
    ----------
    session
        An open transaction that holds the SOP instance's lock.
    columns
        Of ``radiograph``, without the revision.
    is_file_new
        Whether the object was missing from the store, or damaged there.

    Returns
    -------
    int or None
        The row's id; None when the current revision has these bytes and nothing is to be done.
    """
    uid = columns["sop_instance_uid"]
    earlier = session.scalars(select(Radiograph).where(Radiograph.sop_instance_uid == uid)).all()
    current = next((row for row in earlier if row.superseded_at is None), None)
    if current and current.sha256 == columns["sha256"]:
        if _begins_anew(current, columns, is_file_new=is_file_new):
            return _begin_anew(session, current.id, columns)
        return None
    if earlier:
        _supersede(session, uid)
    last = max((row.revision for row in earlier), default=0)
    row = insert(Radiograph).values(**columns, revision=last + 1).returning(Radiograph.id)
    return session.scalars(row).one()


def _begins_anew(current: Radiograph, columns: dict[str, Any], *, is_file_new: bool) -> bool:
    """Whether bytes that have their row already go their way again.

    Not while a worker is at them. A file that was left behind in the inbox, with the time of arrival that its row has,
    is not sent again; one that was is told by that time, for a kill between file and row forgets that the file is new.
    """
    is_sent_again = current.received_at != columns["received_at"]
    has_failed = current.state in {State.REJECTED, State.FAILED}
    return bool(current.purged_at) or (has_failed and is_sent_again) or (is_file_new and State(current.state).is_end)


def _supersede(session: Session, sop_instance_uid: str) -> None:
    now = func.clock_timestamp()
    earlier = select(Radiograph.id).where(Radiograph.sop_instance_uid == sop_instance_uid)
    for table, its_radiograph in ((Radiograph, Radiograph.id), (Assessment, Assessment.radiograph_id)):
        session.execute(
            update(table)
            .where(its_radiograph.in_(earlier), table.superseded_at.is_(None))
            .values(superseded_at=now)
            .execution_options(synchronize_session=False)
        )


def _begin_anew(session: Session, radiograph_id: int, columns: dict[str, Any]) -> int:
    """Put a radiograph whose bytes came again back to the beginning of its way, and return its id."""
    fresh = {"purged_at": None, "ended_at": None, "state_reason": None, "attempts": 0, "reads": 0}
    session.execute(
        update(Radiograph)
        .where(Radiograph.id == radiograph_id)
        .values(**fresh | {"waiting_since": func.clock_timestamp()} | columns)
        .execution_options(synchronize_session=False)
    )
    return radiograph_id
