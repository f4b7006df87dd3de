"""Reports that were promised while storage commitment was on, when it is off: somebody has to know of them.

They stay in the database, and are delivered once it is on again. ``carpus doctor`` counts them, too.
"""

from sqlalchemy import func, select

from db import log
from db.session import transaction
from db.tables import StorageCommitment
from dicom_listener.commitment.loop import Loop
from dicom_listener.outage import Outage

_log = log.get(__name__)


class LeftOpen:
    """Tells of the open reports once, in place of the service.

    Parameters
    ----------
    interval_seconds
        Between two looks, as long as the database is away.
    database
        Its outage.
    """

    def __init__(self, interval_seconds: float, database: Outage) -> None:
        self._is_told = False
        self._loop = Loop("commitment_left_open", self._tell, interval_seconds, database)

    def start(self) -> None:
        """Look in the background."""
        self._loop.start()

    def stop(self, timeout_seconds: float) -> None:
        """Stop to look."""
        self._loop.stop(timeout_seconds)

    def _tell(self) -> None:
        if self._is_told:
            return
        with transaction() as session:
            reports = session.scalar(
                select(func.count()).select_from(StorageCommitment).where(StorageCommitment.due_at.is_not(None))
            )
        self._is_told = True
        if reports:
            cure = "senders wait for them: set CARPUS_STORAGE_COMMITMENT again until they are delivered"
            _log.error("commitments_left_open", reports=reports, cure=cure)
