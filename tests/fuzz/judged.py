"""What becomes of a damaged object at both places that parse it: the worker's and the listener's."""

import resource
import time
from pathlib import Path

import numpy as np
from pydicom import config

from db.bounded import Bounds
from db.errors import RejectedRadiographError
from dicom_listener.accept import not_applicable
from dicom_listener.describe import check_identity, describe
from dicom_listener.header import read_header, read_meta
from tests.fuzz.damage import Case
from worker.read import read

LONGEST_SECONDS = 10.0
MOST_BYTES = 2**30
PATIENT = "Test^Object"


class OracleError(AssertionError):
    """An object ended as none may end."""


def judge(case: Case, folder: Path) -> str:
    """Read a damaged object, and its header as the listener does; return how it ended.

    Raises
    ------
    OracleError
        When it ended otherwise than in a radiograph or in a rejection, or took more than it may.
    """
    object_path, listener_path = folder / "object.dcm", folder / "listener.dcm"
    listener_path.write_bytes(case.seed.meta + case.data_set)  # the listener writes the file's header itself
    object_path.write_bytes(case.meta + case.data_set)
    began = time.monotonic()
    ended = _read(object_path)
    ended += ", " + _registered(listener_path)
    seconds = time.monotonic() - began
    if seconds > LONGEST_SECONDS:
        raise OracleError(f"took {seconds:.1f} s")
    return ended


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _read(path: Path) -> str:
    config.settings.reading_validation_mode = config.WARN  # as in the worker; the listener sets its own
    try:
        picture = read(path)
    except RejectedRadiographError as error:
        _check_reason(error)
        return "rejected"
    except BaseException as error:
        raise OracleError(f"reading raised {type(error).__name__}") from error
    if picture.dtype != np.uint16 or picture.ndim != 2 or max(picture.shape) > 1024 or picture.min() == picture.max():
        raise OracleError(f"reading made {picture.dtype} of {picture.shape}")
    return "radiograph"


def _registered(path: Path) -> str:
    config.settings.reading_validation_mode = config.IGNORE
    try:
        meta = read_meta(path)
        header = read_header(path, meta, Bounds())
        description = describe(header, "site")
        check_identity(header, str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID))
        reason = not_applicable(header, description.chronological_age_months, accept_for_processing=False)
    except RejectedRadiographError as error:
        _check_reason(error)
        return "refused"
    except BaseException as error:
        raise OracleError(f"registering raised {type(error).__name__}") from error
    if reason and PATIENT in reason:
        raise OracleError("the reason names the patient")
    return "not applicable" if reason else "received"


def _check_reason(error: RejectedRadiographError) -> None:
    if len(str(error)) < 40 or PATIENT in str(error):
        raise OracleError("the reason says nothing, or names the patient")
