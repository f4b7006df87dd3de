"""A modality that asks for storage commitment, by associations of its own, and listens for the reports."""

import queue
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from sqlalchemy import Row, text

from db import settings as db_settings
from db.session import transaction
from dicom_listener.settings import ListenerSettings
from tests.dicom_listener.conftest import poll, rows
from tests.objects import hand_radiograph

AE_TITLE = "MODALITY"
_REPORT_ANSWERED = bytes.fromhex("0000 0001 0200 0000 0081")  # PS3.7 table E.1-1: command field, N-EVENT-REPORT-RSP


@dataclass(frozen=True)
class Report:
    """What a report said: the objects committed, and for each other one the reason."""

    transaction_uid: str
    event_type: int
    committed: list[str]
    failed: dict[str, int]
    is_on_own_association: bool
    roles: tuple[bool, bool] | None

    @classmethod
    def of(cls, event: Event) -> "Report":
        information = event.event_information
        association = event.assoc
        roles = [(item.scu_role, item.scp_role) for item in association.requestor.role_selection.values()]
        return cls(
            information.TransactionUID,
            event.event_type,
            [item.ReferencedSOPInstanceUID for item in information.get("ReferencedSOPSequence", [])],
            {item.ReferencedSOPInstanceUID: item.FailureReason for item in information.get("FailedSOPSequence", [])},
            association.is_requestor,
            roles[0] if roles else None,
        )


@dataclass
class Requester:
    """The modality; `port` is the listener's."""

    port: int
    reports: "queue.Queue[Report]" = field(default_factory=queue.Queue)
    received: list[str] = field(default_factory=list)  # kinds of messages on its own association, in their order
    answer: threading.Event = field(default_factory=threading.Event)  # reports wait for it before they are answered
    status: int = 0x0000
    tls: ssl.SSLContext | None = None  # by which it connects to the listener
    _taken: int = 0  # reports on its own associations
    _answered: int = 0

    def __post_init__(self) -> None:
        self.answer.set()

    @contextmanager
    def associated(self) -> Iterator[Association]:
        association = self._associate(self._take_here)
        try:
            yield association
            # pynetdicom's thread dies of an answer that it has to send on an association that was aborted.
            if self.answer.is_set():
                poll(lambda: association.is_established and self._taken - self._answered, lambda owed: not owed)
        finally:
            # Its release() may wait for ever, where a report has just been answered by a thread of its own.
            association.abort()

    def _associate(self, take: Callable[[Event], tuple[int, None]]) -> Association:
        entity = AE(AE_TITLE)
        entity.add_requested_context(StorageCommitmentPushModel)
        example = hand_radiograph()
        entity.add_requested_context(example.SOPClassUID, example.file_meta.TransferSyntaxUID)
        handlers: list[Any] = [
            (evt.EVT_N_EVENT_REPORT, take),
            (evt.EVT_DIMSE_RECV, lambda event: self.received.append(type(event.message).__name__)),
            (evt.EVT_PDU_SENT, self._count_answer),
        ]
        tls = (self.tls, "127.0.0.1") if self.tls else None
        association = entity.associate("127.0.0.1", self.port, evt_handlers=handlers, tls_args=tls)
        assert association.is_established
        return association

    @contextmanager
    def listening(self, port: int, tls: ssl.SSLContext | None = None) -> Iterator[None]:
        entity = AE(AE_TITLE)
        entity.require_called_aet = True
        entity.acse_timeout = 2  # for whoever connects and asks for nothing
        entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        server = entity.start_server(
            ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._take)], ssl_context=tls
        )
        try:
            yield
        finally:
            server.shutdown()

    def store(self, *data_sets: Dataset) -> None:
        with self.associated() as association:
            for data_set in data_sets:
                assert association.send_c_store(data_set).Status == 0x0000
        poll(rows, lambda found: len(found) >= len(data_sets))

    def ask_and_go(self, *data_sets: Dataset) -> str:
        """Ask by an association that ends with the answer, without one to any report; return the transaction's UID."""
        gone = threading.Event()
        asked = information(data_sets)
        association = self._associate(lambda _: (int(gone.wait(20)), None))
        assert ask(association, asked) == 0x0000
        association.release()
        gone.set()
        return str(asked.TransactionUID)

    def report(self) -> Report:
        return self.reports.get(timeout=20)

    def _take_here(self, event: Event) -> tuple[int, None]:
        self._taken += 1
        return self._take(event)

    def _count_answer(self, event: Event) -> None:
        self._answered += _REPORT_ANSWERED in event.pdu.encode()

    def _take(self, event: Event) -> tuple[int, None]:
        self.reports.put(Report.of(event))
        self.answer.wait(20)
        return self.status, None


def information(data_sets: Sequence[Dataset], uid: str | None = None) -> Dataset:
    asked = Dataset()
    asked.TransactionUID = uid or generate_uid()
    asked.ReferencedSOPSequence = [reference(data_set.SOPClassUID, data_set.SOPInstanceUID) for data_set in data_sets]
    return asked


def reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    return item


def ask(
    association: Association,
    asked: Dataset | None,
    action_type: int = 1,
    instance_uid: str = StorageCommitmentPushModelInstance,
) -> int:
    """Return the status that an N-ACTION is answered with."""
    answer, _ = association.send_n_action(asked, action_type, StorageCommitmentPushModel, instance_uid)
    return int(answer.Status)


def commitments() -> list[Row[Any]]:
    return rows("SELECT * FROM storage_commitment ORDER BY id")


@contextmanager
def committing(**settings: Any) -> Iterator[Any]:
    from dicom_listener import serve

    given = {"listener_port": 0, "sweep_seconds": 0.2, "stop_seconds": 5, "storage_commitment": True} | settings
    started = serve.start(ListenerSettings(**given), db_settings.shared())
    try:
        yield started
    finally:
        started.stop(5)


def due_now() -> None:
    with transaction() as session:
        session.execute(text("UPDATE storage_commitment SET due_at = now() WHERE due_at IS NOT NULL"))
