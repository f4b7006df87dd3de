"""An object on its way out: what ``carpus.gather`` finds and ``carpus.send`` sends."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from db.errors import PermanentError


class NotSendableError(PermanentError):
    """A file cannot be sent; the message says why."""


@dataclass(frozen=True)
class Reference:
    """The bone age that somebody else gives a radiograph: who, by which method."""

    reader: str
    method: str
    bone_age_months: float


@dataclass(frozen=True)
class Outgoing:
    """An object to be sent.

    Attributes
    ----------
    name
        What an operator knows it by.
    sop_class_uid, transfer_syntax_uid
        The presentation context it needs.
    load
        Returns the file, to be sent byte for byte, or the data set; raises NotSendableError.
    reference
        Its bone age, where it is known.
    """

    name: str
    sop_class_uid: UID
    transfer_syntax_uid: UID
    load: Callable[[], Path | Dataset]
    reference: Reference | None = None


@dataclass(frozen=True)
class Unsendable:
    """A file that cannot be sent, and why."""

    name: str
    problem: str


def wrapped(name: str, load: Callable[[], Dataset], reference: Reference) -> Outgoing:
    """Return a picture that ``carpus.wrap`` makes a DX image of when its turn comes."""
    return Outgoing(name, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, load, reference)
