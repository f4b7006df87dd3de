"""The C-STORE statuses that Carpus answers with, by name, and the error that stands for each refusal.

Senders act on them: after *out of resources* most try again later, after *cannot understand* they do not.

References
----------
DICOM PS3.4 section B.2.3, table B.2-1 (C-STORE response status); PS3.7 section C.5.6 (processing failure).
"""

from enum import IntEnum

from pydicom.dataset import Dataset

from db.errors import DISK_IS_FULL, PermanentError

_ERROR_COMMENT_CHARACTERS = 64  # (0000,0902) is LO


class Status(IntEnum):
    """C-STORE response statuses."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    OUT_OF_RESOURCES = 0xA700
    DOES_NOT_MATCH_SOP_CLASS = 0xA900
    CANNOT_UNDERSTAND = 0xC000


class RefusedObjectError(PermanentError):
    """An object that is not stored; the message is told to the sender as Error Comment."""

    status = Status.CANNOT_UNDERSTAND


class InvalidUIDError(RefusedObjectError):
    """A UID that is none, and so must not become part of a file's name."""


class WrongSOPClassError(RefusedObjectError):
    """A SOP class other than the one the presentation context was negotiated for."""

    status = Status.DOES_NOT_MATCH_SOP_CLASS


class NoMemoryForObjectError(RefusedObjectError):
    """An object for which there is no memory at the moment."""

    status = Status.OUT_OF_RESOURCES


def response(status: IntEnum, comment: str = "") -> Dataset:
    """Return a response's status elements.

    Parameters
    ----------
    status
        The status.
    comment
        Told to the sender, cut to what Error Comment (0000,0902) can hold.
    """
    elements = Dataset()
    elements.Status = int(status)
    if comment:
        elements.ErrorComment = comment[:_ERROR_COMMENT_CHARACTERS]
    return elements


def response_for(error: Exception) -> Dataset:
    """Return the response for an error that storing an object ended with.

    Parameters
    ----------
    error
        What was raised.

    Returns
    -------
    Dataset
        A full or failing disk is *out of resources*, so that the sender tries again; what is not foreseen is a
        *processing failure*.
    """
    match error:
        case RefusedObjectError():
            return response(error.status, str(error))
        case OSError():
            what = "the disk is full" if error.errno in DISK_IS_FULL else "the store cannot be written to"
            return response(Status.OUT_OF_RESOURCES, f"{what}, try again later")
        case _:
            return response(Status.PROCESSING_FAILURE, "unexpected error, see the listener's log")
