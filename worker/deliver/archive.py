"""One association to a destination: C-STORE of each object, and storage commitment where it offers that.

Before it: the objects were made. After it: the rows say how it went (``db.deliveries``). The report of a commitment is
taken here when it comes by the same association; else the listener takes it.

References
----------
DICOM PS3.4 section B (storage), J (storage commitment, push model); PS3.7 section 9.1.1 (C-STORE) and 10.1.1, 10.1.4.
"""

import logging
import ssl
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import N_EVENT_REPORT_RSP
from pynetdicom.events import Event
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from db import commitment_report, log
from db.addresses import Address
from db.errors import PermanentError, TransientError
from db.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from db.tables import Delivery
from db.vocabulary import ResultObject
from worker.deliver import report, secondary_capture

_CONNECT_SECONDS: Final = 10
_ANSWER_SECONDS: Final = 20  # of silence
_REPORT_SECONDS: Final = 2.0  # for a report of commitment by the same association, which few archives send
_SUCCESS: Final = 0x0000
_WARNINGS: Final = range(0xB000, 0xC000)  # which say that it is stored (PS3.7 C.2)
# Out of resources, of the storage service class (0xA7xx) and in general.
_NOT_NOW: Final = frozenset({*range(0xA700, 0xA800), 0x0213})
_REQUEST_COMMITMENT: Final = 1
_UNINTELLIGIBLE: Final = 0x0115  # invalid argument value
_NOT_NOTED: Final = 0x0110  # processing failure
_SOP_CLASSES: Final = {
    ResultObject.REPORT: report.SOP_CLASS_UID,
    ResultObject.PICTURE: secondary_capture.SOP_CLASS_UID,
}

_log = log.get(__name__)


class DestinationAwayError(TransientError):
    """Nobody takes results at the destination for now; it is no fault of what was to be sent."""


class DestinationRefusedError(PermanentError):
    """The destination was there, and did not take the object."""


class Archive:
    """A destination with which we have an association; made by `connected`."""

    def __init__(self, association: Association, answer: "_Answer") -> None:
        self._association = association
        self._answer = answer

    @property
    def offers_commitment(self) -> bool:
        """Whether it can be asked to commit to objects."""
        return StorageCommitmentPushModel in {one.abstract_syntax for one in self._association.accepted_contexts}

    def store(self, made: Dataset) -> None:
        """Send one object.

        Parameters
        ----------
        made
            With file meta information. Not changed.

        Raises
        ------
        DestinationRefusedError
            When the answer is no Success.
        DestinationAwayError
            When there is no answer, or it has no room at present.
        """
        if made.SOPClassUID not in {one.abstract_syntax for one in self._association.accepted_contexts}:
            raise DestinationRefusedError(f"it accepts no {made.SOPClassUID.name}")
        try:
            answer = self._association.send_c_store(made)
        except (RuntimeError, OSError) as error:
            raise DestinationAwayError("it ended the association") from error
        if "Status" not in answer:
            raise DestinationAwayError(f"it did not answer within {_ANSWER_SECONDS} s, or ended the association")
        status = int(answer.Status)
        if status == _SUCCESS or status in _WARNINGS:
            return
        words = f"it answered status 0x{status:04X}"  # its comment is not repeated, for it may name a patient
        if meaning := STORAGE_SERVICE_CLASS_STATUS.get(status, ("", ""))[1]:
            words += f" ({meaning})"
        raise (DestinationAwayError if status in _NOT_NOW else DestinationRefusedError)(words)

    def ask_commitment(self, commitment_uid: str, stored: Sequence[Delivery]) -> bool:
        """Ask it to commit to objects that it stored, and return whether it takes the request.

        Parameters
        ----------
        commitment_uid
            The transaction UID, which must be in the database before the report can come.
        stored
            The objects' rows.
        """
        information = Dataset()
        information.TransactionUID = commitment_uid
        information.ReferencedSOPSequence = [_reference(row) for row in stored]
        try:
            answer, _ = self._association.send_n_action(
                information, _REQUEST_COMMITMENT, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
            )
        except (RuntimeError, ValueError, OSError):
            return False
        if "Status" not in answer or int(answer.Status) != _SUCCESS:
            return False
        self._answer.is_sent.wait(_REPORT_SECONDS)
        return True


@contextmanager
def connected(ae_title: str, destination: str, address: Address, tls: ssl.SSLContext | None) -> Iterator[Archive]:
    """Open an association with a destination, and release it.

    Parameters
    ----------
    ae_title
        Our own.
    destination
        Its AE title.
    address
        Where it is.
    tls
        How to connect; None for plain TCP.

    Raises
    ------
    DestinationAwayError
        When there is no association.
    """
    association, answer = _associated(ae_title, destination, address, tls)
    try:
        yield Archive(association, answer)
    finally:
        if association.is_established:
            association.release()


def _associated(
    ae_title: str, destination: str, address: Address, tls: ssl.SSLContext | None
) -> tuple[Association, "_Answer"]:
    entity, answer = AE(ae_title), _Answer()
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.connection_timeout = _CONNECT_SECONDS
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _ANSWER_SECONDS
    for sop_class_uid in _SOP_CLASSES.values():
        entity.add_requested_context(sop_class_uid, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    entity.add_requested_context(StorageCommitmentPushModel)
    try:
        association = entity.associate(
            address.host,
            address.port,
            ae_title=destination,
            tls_args=(tls, address.host) if tls else None,
            evt_handlers=[
                (evt.EVT_CONN_OPEN, _bound_waiting),
                (evt.EVT_N_EVENT_REPORT, _take_report),
                (evt.EVT_DIMSE_SENT, answer.note_message),
                (evt.EVT_PDU_SENT, answer.note_pdu),
            ],
        )
    except OSError as error:  # the host's name is unknown
        raise DestinationAwayError(f"{address.host} has no address") from error
    if association.is_established:
        return association, answer
    where, refusal = f"{address.host}:{address.port}", association.acceptor.primitive
    if association.is_rejected and refusal is not None:
        raise DestinationAwayError(f"{where} rejected the association: {refusal.reason_str}")
    if refusal is not None:
        raise DestinationAwayError(f"{where} accepts neither reports nor pictures")
    way = " by TLS with a certificate that can be verified" if tls else ""
    raise DestinationAwayError(f"nobody answers at {where}{way}")


def _bound_waiting(event: Event) -> None:
    """Bound each read and write of the socket: pynetdicom takes the limit off, and its own wait for these to return."""
    event.assoc.dul.socket.socket.settimeout(_ANSWER_SECONDS)


def _take_report(event: Event) -> tuple[int, None]:
    """Answer an N-EVENT-REPORT by the association that asked."""
    try:
        status = _SUCCESS if commitment_report.take(event.event_information) else _UNINTELLIGIBLE
    except Exception:  # noqa: BLE001  the border: whatever happened, the destination gets an answer
        _log.exception("commitment_report_not_noted")
        status = _NOT_NOTED
    return status, None


class _Answer:
    """Whether a report that came by the association has its answer, before which it must not be released."""

    def __init__(self) -> None:
        self.is_sent = threading.Event()
        self._is_coming = False

    def note_message(self, event: Event) -> None:
        """Note that the answer is about to be sent."""
        self._is_coming |= isinstance(event.message, N_EVENT_REPORT_RSP)

    def note_pdu(self, event: Event) -> None:
        """Note that it is sent; it fits into one PDU."""
        if self._is_coming and isinstance(event.pdu, P_DATA_TF):
            self.is_sent.set()


def _reference(row: Delivery) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = _SOP_CLASSES[ResultObject(row.object)]
    item.ReferencedSOPInstanceUID = row.sop_instance_uid
    return item


def silence_libraries() -> None:
    """Let pynetdicom and pydicom say nothing: they quote values, and what they complain of is told in the row."""
    warnings.filterwarnings("ignore", module="pydicom|pynetdicom|highdicom")
    _config.LOG_HANDLER_LEVEL = "none"
    library = logging.getLogger("pynetdicom")
    library.setLevel(logging.CRITICAL)
    library.propagate = False
