"""An outcome in DICOM: the event type and the event information of an N-EVENT-REPORT.

References
----------
DICOM PS3.4 section J.3.3, table J.3-2.
"""

from collections.abc import Iterable

from pydicom.dataset import Dataset

from dicom_listener.commitment.references import Outcome, Reference

ALL_COMMITTED, FAILURES_EXIST = 1, 2  # event types


def event_type(outcome: Outcome) -> int:
    """Return the report's Event Type ID (0000,1002)."""
    return FAILURES_EXIST if outcome.failed else ALL_COMMITTED


def event_information(transaction_uid: str, outcome: Outcome) -> Dataset:
    """Return the report's data set; every object that was asked for is in it once.

    Parameters
    ----------
    transaction_uid
        The request's.
    outcome
        What came of it.
    """
    information = Dataset()
    information.TransactionUID = transaction_uid
    if outcome.committed:
        information.ReferencedSOPSequence = list(_items(outcome.committed))
    if outcome.failed:
        information.FailedSOPSequence = list(_items(outcome.failed))
        for item, reason in zip(information.FailedSOPSequence, outcome.failed.values(), strict=True):
            item.FailureReason = int(reason)
    return information


def _items(references: Iterable[Reference]) -> Iterable[Dataset]:
    for reference in references:
        item = Dataset()
        item.ReferencedSOPClassUID = reference.sop_class_uid
        item.ReferencedSOPInstanceUID = reference.sop_instance_uid
        yield item
