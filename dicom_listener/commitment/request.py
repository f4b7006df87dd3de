"""The N-ACTION handler: what is asked, whether it can be, and Success once the request is in the database.

Success promises a report, so that it comes after the commit of the request; whether anything is committed is decided
later, in :mod:`decide`.

References
----------
DICOM PS3.4 section J.3.2 (the operation), PS3.7 section 10.1.4 (N-ACTION).
"""

from typing import Any, NamedTuple, Protocol

from pydicom.dataset import Dataset
from pynetdicom.events import Event
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from structlog.contextvars import bound_contextvars

from db import fault, log
from db.errors import TransientError
from db.session import transaction
from dicom_listener.commitment import ledger
from dicom_listener.commitment.references import Reference
from dicom_listener.commitment.statuses import ActionStatus, RefusedRequestError
from dicom_listener.header import text
from dicom_listener.outage import Outage
from dicom_listener.receive import association_fields
from dicom_listener.statuses import response
from dicom_listener.store import UID_FORM

MAX_REFERENCES = 2_000  # a radiograph's study has a handful
# Two UIDs of 64 characters, four headers of 8 bytes, and as much again for what else a requester may say of each.
_MAX_INFORMATION_BYTES = MAX_REFERENCES * 320
_REQUEST_COMMITMENT = 1  # action type of table J.3-1

_log = log.get(__name__)


class Request(NamedTuple):
    """A well-formed request."""

    calling_ae_title: str
    transaction_uid: str
    referenced: tuple[Reference, ...]


class Conversations(Protocol):
    """Sees to it that a requester is reported to."""

    def promise(self, event: Event, commitment_id: int) -> None:
        """Report on the event's association, once the request is answered."""


def handle_action(event: Event, conversations: Conversations, database: Outage) -> tuple[Dataset, None]:
    """Answer an N-ACTION request; Success means that a report will follow.

    Parameters
    ----------
    event
        pynetdicom's ``EVT_N_ACTION``.
    conversations
        Told of the request and its association.
    database
        Its outage.

    Returns
    -------
    Dataset
        The response's status elements.
    None
        The standard foresees no reply.
    """
    with bound_contextvars(**association_fields(event)):
        try:
            return _take(event, conversations, database), None
        except RefusedRequestError as error:
            _log.warning("commitment_refused", status=error.status.name, reason=str(error))
            return response(error.status, str(error)), None
        except TransientError:
            return response(ActionStatus.RESOURCE_LIMITATION, "the database is away, try again later"), None
        except Exception:  # noqa: BLE001  the border: whatever happened, the requester gets an answer it can act on
            _log.exception("commitment_not_taken")
            return response(ActionStatus.PROCESSING_FAILURE, "unexpected error, see the listener's log"), None


def _take(event: Event, conversations: Conversations, database: Outage) -> Dataset:
    request = read_request(event)
    with database.watched(), transaction() as session:
        commitment_id = ledger.take(session, *request)
    _log.info("commitment_requested", commitment_id=commitment_id, objects=len(request.referenced))
    conversations.promise(event, commitment_id)
    fault.point("before_commitment_answer")
    return response(ActionStatus.SUCCESS)


def read_request(event: Event) -> Request:
    """Return what is asked.

    Raises
    ------
    RefusedRequestError
        With the status that says what is wrong.
    """
    asked = event.request
    classes = {str(asked.RequestedSOPClassUID), str(event.context.abstract_syntax)}
    if classes != {StorageCommitmentPushModel}:
        raise RefusedRequestError(ActionStatus.NO_SUCH_SOP_CLASS, "expected the storage commitment push model")
    if asked.RequestedSOPInstanceUID != StorageCommitmentPushModelInstance:
        expected = f"expected instance {StorageCommitmentPushModelInstance}"
        raise RefusedRequestError(ActionStatus.NO_SUCH_SOP_INSTANCE, expected)
    if asked.ActionTypeID != _REQUEST_COMMITMENT:
        raise RefusedRequestError(ActionStatus.NO_SUCH_ACTION, f"expected action type {_REQUEST_COMMITMENT}")
    information = asked.ActionInformation
    if information is None:
        raise RefusedRequestError(ActionStatus.INVALID_ARGUMENT_VALUE, "the request holds no action information")
    if information.getbuffer().nbytes > _MAX_INFORMATION_BYTES:
        raise _too_many()
    return _read_information(event)


def _read_information(event: Event) -> Request:
    try:
        information = event.action_information
        items = list(information.get("ReferencedSOPSequence") or [])
    except Exception as error:  # pydicom raises whatever its parsing of a stranger's bytes runs into
        raise _invalid("the action information cannot be parsed") from error
    if len(items) > MAX_REFERENCES:
        raise _too_many()
    if not items:
        raise _invalid("ReferencedSOPSequence (0008,1199) is missing or empty")
    references = dict.fromkeys(Reference(*(_uid(item, keyword) for keyword in _KEYWORDS)) for item in items)
    ae_title = event.assoc.requestor.ae_title.strip()
    return Request(ae_title, _uid(information, "TransactionUID"), tuple(references))


_KEYWORDS = ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")


def _uid(holder: Any, keyword: str) -> str:
    uid = text(holder, keyword)
    if not UID_FORM.fullmatch(uid):
        raise _invalid(f"{keyword} is missing or no UID")
    return uid


def _invalid(message: str) -> RefusedRequestError:
    return RefusedRequestError(ActionStatus.INVALID_ARGUMENT_VALUE, message)


def _too_many() -> RefusedRequestError:
    return RefusedRequestError(ActionStatus.RESOURCE_LIMITATION, f"ask for at most {MAX_REFERENCES} objects at once")
