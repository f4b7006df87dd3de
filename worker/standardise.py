"""One reading, from the stored object to the standard radiograph and the message that it can be assessed.

Before it: the listener stored and registered the object. After it: ``worker.assess``.
"""

from time import perf_counter

from kombu.exceptions import OperationalError

from db import fault, log, settings, states
from db.session import transaction
from db.states import Claim
from db.tables import Radiograph
from worker import radiograph as standard
from worker.app import enqueue
from worker.limits import Limits
from worker.read import read
from worker.settings import worker

logger = log.get(__name__)


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
    TransientError
        When the store or the database is away.
    LapsedClaimError
        When the radiograph has gone on without this worker.
    """
    store, row = settings.shared().store, claim.radiograph
    started = perf_counter()
    pixels = read(store / row.object_path, _limits())
    path = f"standard/{row.sha256[:2]}/{row.sop_instance_uid}.{row.revision}.npy"
    sha256 = standard.save(pixels, store / path)
    fault.point("read_saved")
    read_ms = (perf_counter() - started) * 1000
    with transaction() as session:
        states.finish(
            session, claim, standard_path=path, standard_sha256=sha256, read_ms=read_ms, reads=Radiograph.reads + 1
        )
    fault.point("read_written")
    try:
        enqueue(states.ASSESS.queue, row.id)
    except OperationalError:
        logger.warning("message_not_published")  # the row waits; the sweep publishes it once Redis is back


def _limits() -> Limits:
    chosen = worker()
    return Limits(
        maximum_bytes=chosen.max_object_bytes,
        maximum_pixels=chosen.max_pixels,
        maximum_decoded_bytes=chosen.max_decoded_bytes,
        bounds=settings.shared().bounds(),
    )
