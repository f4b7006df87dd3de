"""What a destination says of objects that it was asked to keep: the report of storage commitment, noted in the rows.

It may come by the association that asked or by a new one to the listener, once, twice or never.

References
----------
DICOM PS3.4 section J.3.3 and table J.3-2; PS3.3 C.14.1.1 (failure reason).
"""

from pydicom.dataset import Dataset

from db import deliveries, log
from db.session import transaction

# What it does not keep is sent again after this; it may have been busy storing it.
_AGAIN_SECONDS = 60.0
_MOST_OBJECTS = 1_000  # an assessment has two

_log = log.get(__name__)


def take(information: Dataset) -> bool:
    """Note a report in the rows of the deliveries.

    Parameters
    ----------
    information
        The event information of an N-EVENT-REPORT, trusted in nothing. Not changed.

    Returns
    -------
    bool
        Whether it can be understood; one of objects that nobody asked for can, and changes nothing.

    Raises
    ------
    TransientError
        When the database is away.
    """
    try:
        commitment_uid = str(information.TransactionUID)
        kept = [str(item.ReferencedSOPInstanceUID) for item in information.get("ReferencedSOPSequence") or ()]
        failed = {
            str(item.ReferencedSOPInstanceUID): f"it does not keep it (failure reason 0x{int(item.FailureReason):04X})"
            for item in information.get("FailedSOPSequence") or ()
        }
    except Exception:  # noqa: BLE001  pydicom raises whatever its parsing of a stranger's bytes runs into
        return False
    if len(kept) + len(failed) > _MOST_OBJECTS:
        return False
    with transaction() as session:
        committed = deliveries.committed(session, commitment_uid, kept)
        again = deliveries.not_committed(session, commitment_uid, failed, _AGAIN_SECONDS)
    if committed or again:
        _log.info("deliveries_committed", objects=committed, sent_again=again)
    return True
