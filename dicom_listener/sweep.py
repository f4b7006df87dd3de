"""What was left behind: stored objects without a row, claims of workers that died, messages that never arrived.

Beside the way of the radiograph, so that nothing on it has to be certain to happen: :mod:`register` and the worker do
their part at once when all is well, and this thread does it when something was away. It calls :mod:`retention` and
:mod:`unowned`, too.
"""

import threading

from sqlalchemy import func, select

from db import deliveries, destinations, log, overdue, steps
from db.session import transaction
from dicom_listener.outage import Outage
from dicom_listener.register import Registrar
from dicom_listener.retention import Retention
from dicom_listener.store import Store
from dicom_listener.unowned import Unowned
from worker.app import enqueue, queue_length

# Two numbers of our own choosing: PostgreSQL keeps two-number locks apart from those on a SOP Instance UID.
_LOCK = (1_667_330_672, 1)
# Since its last byte was written; one that is removed too early only lets its sender try again.
_ABANDONED_AFTER_SECONDS = 120
_MOST_DELIVERIES = 1_000  # published by one sweep

_log = log.get(__name__)


class Sweep:
    """The thread that sweeps at intervals; of several listeners on one database, one at a time.

    Parameters
    ----------
    store
        Where the objects lie.
    registrar
        Registers what is found.
    retention
        Purges what has been kept long enough.
    interval_seconds
        Between two sweeps.
    database, broker
        The two servers' outages.
    """

    def __init__(
        self,
        store: Store,
        registrar: Registrar,
        retention: Retention,
        interval_seconds: float,
        *,
        database: Outage,
        broker: Outage,
    ) -> None:
        self._store = store
        self._registrar = registrar
        self._retention = retention
        self._unowned = Unowned(store.root)
        self._interval_seconds = interval_seconds
        self._database = database
        self._broker = broker
        self._stuck = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        """Start the thread; its first sweep is at once."""
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Stop after the file or step under way."""
        self._stopping.set()
        self._thread.join(timeout_seconds)

    def sweep(self) -> None:
        """Sweep once."""
        try:
            with self._database.tolerated(), transaction() as session:
                if session.scalar(select(func.pg_try_advisory_xact_lock(*_LOCK))):
                    self._mend_due_times()
                    self._register_arrivals()
                    for step in steps.STEPS:
                        self._republish(step)
                    self._republish_deliveries()
                    self._retention.purge_some()
                    self._unowned.remove_some()
        finally:
            self._remove_abandoned()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.sweep()
            except Exception:  # noqa: BLE001  a sweep that fails, for want of disk or by a bug, must not be the last
                _log.exception("sweep_failed")
            self._stopping.wait(self._interval_seconds)

    def _remove_abandoned(self) -> None:
        removed, stuck = self._store.remove_abandoned(_ABANDONED_AFTER_SECONDS)
        if removed:
            _log.warning("unfinished_files_removed", files=removed)
        if stuck > self._stuck:  # else it was said
            _log.error("unfinished_files_not_removed", files=stuck, folder="incoming")
        self._stuck = stuck

    def _mend_due_times(self) -> None:
        """Undo what a database's clock that was set back did; set ahead, it only makes claims lapse early."""
        with transaction() as session:
            mended, deliveries_mended = overdue.mend_due_times(session), destinations.mend_due_times(session)
        if mended or deliveries_mended:
            _log.warning("clock_went_back", radiographs=mended, deliveries=deliveries_mended)

    def _register_arrivals(self) -> None:
        for path in self._store.arrivals():
            if self._stopping.is_set():
                return
            self._registrar.register(path)

    def _republish(self, step: steps.Step) -> None:
        """Publish as many overdue radiographs as have no message, so that a long queue does not grow by itself."""
        with transaction() as session:
            if expired := overdue.expire_claims(session, step):
                _log.warning("claims_expired", queue=step.queue, radiographs=expired)
            if used_up := overdue.end_used_up(session, step):
                _log.warning("attempts_used_up", queue=step.queue, radiographs=used_up)
            waiting = overdue.waiting_count(session, step)
        # With nothing to publish, Redis is asked only to see whether it is back.
        if self._stopping.is_set() or not (waiting or self._broker.is_on):
            return
        with self._broker.tolerated():
            missing = waiting - queue_length(step.queue)
            if missing > 0:
                self._publish_overdue(step, missing)

    def _republish_deliveries(self) -> None:
        """Publish what waits for destinations that may be asked, as far as it has no message."""
        with transaction() as session:
            if expired := deliveries.expire_claims(session):
                _log.warning("claims_expired", queue=deliveries.QUEUE, deliveries=expired)
            due = deliveries.due(session, _MOST_DELIVERIES)
        if self._stopping.is_set() or not due:
            return
        with self._broker.tolerated():
            missing = max(len(due) - queue_length(deliveries.QUEUE), 0)
            for delivery_id in due[:missing]:
                enqueue(deliveries.QUEUE, delivery_id)

    def _publish_overdue(self, step: steps.Step, missing: int) -> None:
        with transaction() as session:
            ids = overdue.take_overdue(session, step, missing)
        for radiograph_id in ids:
            enqueue(step.queue, radiograph_id)
        if ids:
            _log.info("messages_republished", queue=step.queue, radiographs=len(ids))
