"""What a request for storage commitment names, and what came of it."""

from dataclasses import dataclass
from typing import NamedTuple

from dicom_listener.commitment.statuses import FailureReason


class Reference(NamedTuple):
    """One object asked for; the names are the keys in ``storage_commitment.referenced``."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class Outcome:
    """Which objects are committed, and why the others are not; together all that were asked for."""

    committed: tuple[Reference, ...]
    failed: dict[Reference, FailureReason]
