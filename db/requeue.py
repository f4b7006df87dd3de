"""By a person's hand: what ended as ``FAILED``, or was rejected by its reader, begins its way again.

For ``carpus requeue``, inside its transaction. All other transitions are :mod:`db.states`.
"""

from sqlalchemy import update
from sqlalchemy.orm import Session

from db.clock import due_in
from db.states import WAITING
from db.tables import Radiograph
from db.vocabulary import State


def requeue(session: Session, radiograph_id: int) -> str | None:
    """Put what ended as ``FAILED``, or was rejected by its reader, back to be read from the beginning.

    Its message is the sweep's, as for any radiograph whose message was lost.

    Parameters
    ----------
    session
        An open transaction.
    radiograph_id
        The row.

    Returns
    -------
    str or None
        Why it was not put back, or None when it was.
    """
    row = session.get(Radiograph, radiograph_id, with_for_update=True)
    if row is None:
        return "there is no such radiograph"
    if refusal := _why_not_requeued(row):
        return refusal
    session.execute(
        update(Radiograph)
        .where(Radiograph.id == radiograph_id)
        .values(state=State.RECEIVED, attempts=0, reads=0, ended_at=None, **due_in(0), **WAITING)
        .execution_options(synchronize_session=False)
    )
    return None


def _why_not_requeued(row: Radiograph) -> str | None:
    if row.state not in {State.FAILED, State.REJECTED}:
        return f"it is {row.state}; only what is FAILED or REJECTED can be put back"
    if row.superseded_at is not None:
        return "other bytes were sent under its SOP Instance UID since; they are what counts"
    if row.purged_at is not None:
        return "retention has removed its stored object; send it again"
    if row.state == State.REJECTED and row.attempts == 0:
        return "it was rejected when it came, before it was read; send it again, corrected"
    return None
