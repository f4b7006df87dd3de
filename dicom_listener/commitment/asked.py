"""Reports on what Carpus itself asked an archive to keep, when they come by an association of the archive's.

The mirror image of the rest of this package: here the peer that connects is the provider. The request was made by
``worker.deliver.archive``; the report is noted by ``db.commitment_report``.

References
----------
DICOM PS3.4 section J.3.3 (the notification), PS3.7 section 10.1.1 (N-EVENT-REPORT) and D.3.3.4 (roles).
"""

from pydicom.dataset import Dataset
from pynetdicom.events import Event
from structlog.contextvars import bound_contextvars

from db import commitment_report, log
from db.errors import TransientError
from dicom_listener.commitment.statuses import ActionStatus
from dicom_listener.outage import Outage
from dicom_listener.receive import association_fields
from dicom_listener.statuses import response

_MAX_INFORMATION_BYTES = 2**20  # of two objects it has some hundreds

_log = log.get(__name__)


def handle_report(event: Event, database: Outage) -> tuple[Dataset, None]:
    """Answer an N-EVENT-REPORT; Success means that it stands in the rows.

    Parameters
    ----------
    event
        pynetdicom's ``EVT_N_EVENT_REPORT``.
    database
        Its outage.
    """
    with bound_contextvars(**association_fields(event)):
        try:
            return response(_take(event, database)), None
        except TransientError:
            return response(ActionStatus.PROCESSING_FAILURE, "the database is away, report again later"), None
        except Exception:  # noqa: BLE001  the border: whatever happened, the peer gets an answer it can act on
            _log.exception("commitment_report_not_noted")
            return response(ActionStatus.PROCESSING_FAILURE, "unexpected error, see the listener's log"), None


def refuse_action(event: Event) -> tuple[Dataset, None]:
    """Answer an N-ACTION where we take reports of commitment and no requests."""
    return response(ActionStatus.NO_SUCH_SOP_CLASS, "storage commitment is asked for here, and not given"), None


def _take(event: Event, database: Outage) -> ActionStatus:
    information = event.request.EventInformation
    if information is None or information.getbuffer().nbytes > _MAX_INFORMATION_BYTES:
        return ActionStatus.INVALID_ARGUMENT_VALUE
    with database.watched():
        is_understood = commitment_report.take(event.event_information)
    return ActionStatus.SUCCESS if is_understood else ActionStatus.INVALID_ARGUMENT_VALUE
