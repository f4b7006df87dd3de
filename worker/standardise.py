"""One reading, from the stored object to the standard radiograph and the message that it can be assessed.

Before it: the listener stored and registered the object. After it: ``worker.assess``.
"""

from pathlib import Path
from time import perf_counter

from sqlalchemy import select

from db import fault, settings, states, steps
from db.session import transaction
from db.states import Claim, LapsedClaimError
from db.tables import Radiograph
from worker import radiograph as standard
from worker.app import offer
from worker.read import read
from worker.settings import limits
from worker.store_outage import told_apart


def standardise(claim: Claim) -> None:
    """Read one stored object, keep its standard radiograph, and let it be assessed.

    Parameters
    ----------
    claim
        The radiograph, claimed for this step.

    Raises
    ------
    RejectedRadiographError
        When the object cannot be read as a radiograph.
    OutageError
        When the store or the database is away, or the disk full.
    TransientError
        When the store is there, but not this object.
    LapsedClaimError
        When the radiograph has gone on without this worker.
    """
    store, row = settings.shared().store, claim.radiograph
    started = perf_counter()
    path = row.standard_file
    with told_apart(store):
        pixels = read(store / row.object_path, limits())
        sha256 = standard.save(pixels, store / path, store / "incoming")
    fault.point("read_saved")
    read_ms = (perf_counter() - started) * 1000
    columns = {"standard_path": path, "standard_sha256": sha256, "read_ms": read_ms, "reads": Radiograph.reads + 1}
    try:
        with transaction() as session:
            states.finish(session, claim, **columns)
    except LapsedClaimError:
        _remove_unowned(store / path, row)
        raise
    fault.point("read_written")
    offer(steps.ASSESS.queue, row.id)


def _remove_unowned(path: Path, row: Radiograph) -> None:
    """Remove what was just written where the patient was forgotten, or the object purged, meanwhile."""
    owner = select(Radiograph.id).where(
        Radiograph.sop_instance_uid == row.sop_instance_uid,
        Radiograph.revision == row.revision,
        Radiograph.purged_at.is_(None),
    )
    with transaction() as session:
        if session.scalar(owner) is None:
            path.unlink(missing_ok=True)
