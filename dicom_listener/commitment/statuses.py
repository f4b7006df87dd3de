"""The statuses that an N-ACTION is answered with, the reasons for which an object is not committed, and their error.

References
----------
DICOM PS3.7 section 10.1.4.1.10 and Annex C (N-ACTION statuses); PS3.3 section C.14.1.1 (failure reason).
"""

from enum import IntEnum

from db.errors import PermanentError


class ActionStatus(IntEnum):
    """N-ACTION response statuses."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    NO_SUCH_SOP_INSTANCE = 0x0112
    INVALID_ARGUMENT_VALUE = 0x0115
    NO_SUCH_SOP_CLASS = 0x0118
    NO_SUCH_ACTION = 0x0123
    DUPLICATE_TRANSACTION_UID = 0x0131
    RESOURCE_LIMITATION = 0x0213


REPORT_TAKEN = 0x0000  # of an N-EVENT-REPORT response
_NO_STATUS = 0x0110


def told_status(value: object) -> int:
    """Return the status that a requester answered a report with; *processing failure* for what is no number."""
    return value if isinstance(value, int) else _NO_STATUS


class FailureReason(IntEnum):
    """Failure Reason (0008,1197) of an object in a report."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_OBJECT_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    SOP_CLASS_NOT_SUPPORTED = 0x0122


class RefusedRequestError(PermanentError):
    """A request for storage commitment that is not taken; the message is told to the requester as Error Comment.

    Parameters
    ----------
    status
        What it is answered with.
    message
        Why.
    """

    def __init__(self, status: ActionStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
