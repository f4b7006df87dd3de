"""Whether a stored file is still, byte by byte, the object that was received under its name."""

from pathlib import Path

from db import log, settings
from db.errors import RejectedRadiographError
from db.tables import Radiograph
from dicom_listener.commitment.statuses import FailureReason
from dicom_listener.describe import check_identity
from dicom_listener.header import read_header, read_meta
from dicom_listener.stored_content import data_set_sha256

_log = log.get(__name__)


def reason_against_file(path: Path, row: Radiograph) -> FailureReason | None:
    """Read a stored file through, and return why it cannot be committed.

    Parameters
    ----------
    path
        The stored object.
    row
        What was registered of it.

    Returns
    -------
    FailureReason or None
        None where size, digest and identity are those of the row.
    """
    try:
        reason = None if _is_whole(path, row) else FailureReason.PROCESSING_FAILURE
        if reason is None:
            header = read_header(path, read_meta(path), settings.shared().bounds())
            check_identity(header, row.sop_class_uid or "", row.sop_instance_uid)
    except FileNotFoundError:
        reason = FailureReason.NO_SUCH_OBJECT_INSTANCE
    except RejectedRadiographError:  # as it was received: its bytes are another object's, or none's
        return FailureReason.CLASS_INSTANCE_CONFLICT
    except Exception:  # noqa: BLE001  a damaged header, a failing disk: whatever it is, no custody is taken of it
        reason = FailureReason.PROCESSING_FAILURE
    if reason is not None:
        _log.error("stored_object_damaged", radiograph_id=row.id, reason=reason.name)
    return reason


def _is_whole(path: Path, row: Radiograph) -> bool:
    return data_set_sha256(path) == row.sha256 and path.stat().st_size == row.size_bytes
