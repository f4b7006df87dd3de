"""From the inbox to a row in PostgreSQL, and then a message for the task ``read``.

After :mod:`store`, on threads of their own, so that no sender waits for a database. The same function serves the sweep,
which comes by for whatever these threads could not do.
"""

import queue
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydicom.dataset import FileMetaDataset
from sqlalchemy import func
from sqlalchemy.orm import Session

from db import clock, fault, log, steps
from db.errors import RejectedRadiographError, TransientError
from db.session import transaction
from db.settings import SharedSettings
from db.vocabulary import State
from dicom_listener.accept import not_applicable
from dicom_listener.describe import check_identity, describe
from dicom_listener.header import read_header, read_meta, text
from dicom_listener.outage import Outage
from dicom_listener.pseudonym import as_stored
from dicom_listener.revision import insert_revision
from dicom_listener.settings import ListenerSettings
from dicom_listener.store import Arrival, Store
from worker.app import enqueue

INSTANCE_LOCK = (
    "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"  # on a SOP Instance UID, to the transaction's end
)
# Each waits most of its time, for the disk and two servers to make its object's place durable.
_THREADS = 4

_log = log.get(__name__)


class Registrar:
    """The threads that give stored objects their rows, with a bounded queue before them.

    Parameters
    ----------
    store
        Where the objects lie.
    settings
        The listener's.
    shared
        The settings shared by all processes.
    database, broker
        The two servers' outages.
    """

    def __init__(
        self, store: Store, settings: ListenerSettings, shared: SharedSettings, database: Outage, broker: Outage
    ) -> None:
        self._store = store
        self._settings = settings
        self._republish_seconds = shared.republish_seconds
        self._bounds = shared.bounds()
        self._database = database
        self._broker = broker
        self._waiting: queue.Queue[Path | None] = queue.Queue(settings.registrar_queue)
        self._told: set[Path] = set()
        self._threads = [threading.Thread(target=self._run, name="registrar", daemon=True) for _ in range(_THREADS)]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def offer(self, path: Path) -> None:
        """Let a stored object be registered soon; a full queue leaves it to the sweep, and the sender never waits."""
        try:
            self._waiting.put_nowait(path)
        except queue.Full:
            _log.warning("registrar_queue_full", registrar_queue=self._settings.registrar_queue)

    def stop(self, timeout_seconds: float) -> None:
        """Register what waits, and stop; what is left after the timeout stays in the inbox for the next start."""
        deadline = time.monotonic() + timeout_seconds
        try:
            for _ in self._threads:
                self._waiting.put(None, timeout=max(deadline - time.monotonic(), 0))
        except queue.Full:
            return
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def register(self, path: Path) -> None:
        """Give an inbox file its row and, if it is to be read, its message.

        A file that cannot be registered, for want of disk or for what nobody foresaw, is told of once, holds no other
        up, and stays in the inbox, where each sweep tries it again.

        Raises
        ------
        TransientError
            When the database is away: the file stays in the inbox.
        """
        try:
            radiograph_id = self._record(path)
            fault.point("before_message")
            if radiograph_id is not None and not self._broker.is_on:
                with self._broker.tolerated():
                    enqueue(steps.READ.queue, radiograph_id)
            self._told.discard(path)
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001  the border of this file: see above
            self._tell_once(path, error)

    def _run(self) -> None:
        while (offered := self._waiting.get()) is not None:
            try:
                with suppress(TransientError):  # told of where the database was asked
                    self._register_in_order(offered)
            except Exception as error:  # noqa: BLE001  the border of this thread, which nothing may end
                self._tell_once(offered, error)

    def _register_in_order(self, offered: Path) -> None:
        """Register an object after earlier versions of its SOP instance, which may have been left behind."""
        if arrival := Arrival.of(offered):
            for path in self._store.arrivals(arrival.sop_instance_uid):
                self.register(path)

    def _tell_once(self, path: Path, error: Exception) -> None:
        if path not in self._told:
            self._told.add(path)
            # The error's own words may quote a row with patient data, so that only its kind and place are logged.
            _log.error("registration_failed", file=path.name, exc_info=error)

    def _record(self, path: Path) -> int | None:
        """Link the file among the objects, commit its row, and unlink it from the inbox, in this order."""
        arrival = Arrival.of(path)
        if arrival is None:
            return None
        with self._database.watched(), transaction() as session:
            lock_instance(session, arrival.sop_instance_uid)
            # Only now, for another thread may have registered this file and then a later version.
            filed = self._store.file_object(path)
            if filed is None:
                return None
            columns = self._columns(filed.path, arrival)
            fault.point("before_row")
            radiograph_id = insert_revision(session, columns, is_file_new=filed.is_new)
        fault.point("before_unlink")
        path.unlink(missing_ok=True)
        if radiograph_id is None:
            _log.info("object_already_registered", sop_instance_uid=columns["sop_instance_uid"])
            return None
        _log.info("radiograph_registered", radiograph_id=radiograph_id, state=columns["state"])
        return radiograph_id if columns["state"] is State.RECEIVED else None

    def _columns(self, object_path: Path, arrival: Arrival) -> dict[str, Any]:
        """Describe a stored object."""
        stored = self._store.root / object_path
        meta = read_meta(stored)
        columns: dict[str, Any] = {
            "sop_instance_uid": arrival.sop_instance_uid,
            "sha256": arrival.sha256,
            "size_bytes": stored.stat().st_size,
            "transfer_syntax_uid": str(meta.TransferSyntaxUID),
            "object_path": str(object_path),
            "sop_class_uid": str(meta.MediaStorageSOPClassUID),
            "calling_ae_title": text(meta, "SourceApplicationEntityTitle") or None,
            "received_at": arrival.received_at,
        }
        return columns | self._outcome(stored, meta, arrival)

    def _outcome(self, stored: Path, meta: FileMetaDataset, arrival: Arrival) -> dict[str, Any]:
        """Return what the header says and the state it leads to."""
        described: dict[str, Any] = {}
        try:
            header = read_header(stored, meta, self._bounds)
            description = as_stored(describe(header, self._settings.site), self._settings)
            described = asdict(description)
            check_identity(header, str(meta.MediaStorageSOPClassUID), arrival.sop_instance_uid)
        except RejectedRadiographError as error:
            return described | _ended(State.REJECTED, str(error))
        age_months = description.chronological_age_months
        reason = not_applicable(header, age_months, self._settings.accept_for_processing)
        if reason:
            return described | _ended(State.NOT_APPLICABLE, reason)
        return described | {"state": State.RECEIVED, **clock.due_in(self._republish_seconds)}


def lock_instance(session: Session, sop_instance_uid: str) -> None:
    """Wait until nobody else registers, purges or forgets this SOP instance, and keep them out until the end."""
    session.connection().exec_driver_sql(INSTANCE_LOCK, (sop_instance_uid,))


def _ended(state: State, reason: str) -> dict[str, Any]:
    return {"state": state, "state_reason": reason, "due_at": None, "ended_at": func.clock_timestamp()}
