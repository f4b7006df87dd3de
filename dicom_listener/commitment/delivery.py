"""How the delivery of a report went, in the database and in the log."""

from db import fault, log
from db.session import transaction
from dicom_listener.commitment import ledger
from dicom_listener.commitment.statuses import REPORT_TAKEN

_log = log.get(__name__)


def note_answer(commitment_id: int, status: int) -> None:
    """Write down how a requester answered a report.

    Raises
    ------
    TransientError
        When the database is away.
    """
    fault.point("before_reported")
    if status != REPORT_TAKEN:
        note_failure(commitment_id, f"the requester answered the report with status 0x{status:04X}")
        return
    with transaction() as session:
        is_new = ledger.reported(session, commitment_id)
    if is_new:
        _log.info("commitment_reported", commitment_id=commitment_id)


def note_failure(commitment_id: int, reason: str, *, is_final: bool = False) -> None:
    """Write down why a report was not delivered; what is given up is an error in the log.

    Raises
    ------
    TransientError
        When the database is away.
    """
    with transaction() as session:
        is_over = ledger.failed(session, commitment_id, reason, is_final=is_final)
    if is_over:
        _log.error("commitment_not_reported", commitment_id=commitment_id, reason=reason)
    elif is_over is not None:
        _log.warning("commitment_report_delayed", commitment_id=commitment_id, reason=reason)
