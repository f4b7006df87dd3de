"""An archive reports, by an association of its own, on what Carpus asked it to keep."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from sqlalchemy import func

from db import commitment_report, deliveries
from db import settings as db_settings
from db.session import transaction
from db.vocabulary import ResultObject
from dicom_listener import serve
from dicom_listener.settings import ListenerSettings
from tests.delivering import rows
from tests.rows import add_assessment, add_model_version, add_radiograph

UIDS = {ResultObject.REPORT: "2.25.1", ResultObject.PICTURE: "2.25.2"}
ASKED = "2.25.77"
SUCCESS, INVALID_ARGUMENT, PROCESSING_FAILURE, NO_SUCH_CLASS = 0x0000, 0x0115, 0x0110, 0x0118

pytestmark = pytest.mark.usefixtures("carpus_env")


@pytest.fixture
def asked() -> None:
    """Two objects that were delivered, and that the archive was asked to keep."""
    with transaction() as session:
        ended = {"state": "COMPLETED", "due_at": None, "ended_at": func.now()}
        assessment = add_assessment(session, add_radiograph(session, **ended), add_model_version(session))
        deliveries.plan(session, assessment, UIDS, ["PACS"])
    with transaction() as session:
        deliveries.claim(session, 1, 60)
        for delivery_id in (1, 2):
            deliveries.delivered(session, delivery_id)
        commitment_report.note_asked(session, [1, 2], ASKED)


@contextmanager
def listening(**settings: Any) -> Iterator[int]:
    given = {"listener_port": 0, "stop_seconds": 5, "destinations": "PACS=127.0.0.1:1"} | settings
    started = serve.start(ListenerSettings(**given), db_settings.shared())
    try:
        yield started.port
    finally:
        started.stop(5)


@contextmanager
def archive(port: int, *, has_role: bool = True) -> Iterator[Association]:
    """Connect as the provider of the service does."""
    entity = AE("PACS")
    entity.add_requested_context(StorageCommitmentPushModel)
    roles = [build_role(StorageCommitmentPushModel, scp_role=True)] if has_role else []
    association = entity.associate("127.0.0.1", port, ae_title="CARPUS", ext_neg=roles)
    assert association.is_established
    try:
        yield association
    finally:
        association.release()


def report(association: Association, told: Dataset) -> int:
    answer, _ = association.send_n_event_report(
        told, 2 if "FailedSOPSequence" in told else 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    return int(answer.Status)


def telling(*, kept: tuple[str, ...] = (), failed: tuple[str, ...] = (), uid: str = ASKED) -> Dataset:
    told = Dataset()
    told.TransactionUID = uid
    for keyword, uids in (("ReferencedSOPSequence", kept), ("FailedSOPSequence", failed)):
        if uids:
            setattr(told, keyword, [_item(one, is_failed=keyword == "FailedSOPSequence") for one in uids])
    return told


def _item(uid: str, *, is_failed: bool) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", uid
    if is_failed:
        item.FailureReason = 0x0110
    return item


def states() -> list[tuple[str, bool, str | None]]:
    return [(row.state, row.committed_at is not None, row.last_error) for row in rows()]


def test_what_is_kept_is_noted_and_what_is_not_is_sent_again(asked: None) -> None:
    with listening() as port, archive(port) as association:
        assert report(association, telling(kept=("2.25.1",), failed=("2.25.2",))) == SUCCESS
    not_kept = "it does not keep it (failure reason 0x0110)"
    assert states() == [("DELIVERED", True, None), ("WAITING", False, not_kept)]


def test_a_report_that_comes_again_changes_nothing(asked: None) -> None:
    with listening() as port, archive(port) as association:
        for _ in range(2):
            assert report(association, telling(kept=tuple(UIDS.values()))) == SUCCESS
        assert report(association, telling(failed=tuple(UIDS.values()))) == SUCCESS
    assert states() == [("DELIVERED", True, None)] * 2


def test_a_report_on_what_nobody_asked_for_changes_nothing(asked: None) -> None:
    with listening() as port, archive(port) as association:
        assert report(association, telling(kept=tuple(UIDS.values()), uid="2.25.78")) == SUCCESS
        assert report(association, telling(failed=("2.25.99",))) == SUCCESS
    assert states() == [("DELIVERED", False, None)] * 2


@pytest.mark.parametrize("spoilt", ["no transaction", "no reason", "too many", "a text for a reason"])
@pytest.mark.filterwarnings("ignore:Invalid value")
def test_a_report_that_cannot_be_understood_is_told_so(asked: None, spoilt: str) -> None:
    told = telling(failed=("2.25.1",))
    match spoilt:
        case "no transaction":
            del told.TransactionUID
        case "no reason":
            del told.FailedSOPSequence[0].FailureReason
        case "too many":
            told.FailedSOPSequence = [_item(f"2.25.{number}", is_failed=True) for number in range(1_001)]
        case _:
            told.FailedSOPSequence[0].add_new("FailureReason", "LO", "PLNT")
    with listening() as port, archive(port) as association:
        assert report(association, told) == INVALID_ARGUMENT
    assert states() == [("DELIVERED", False, None)] * 2


def test_where_nothing_is_taken_into_custody_a_request_is_refused_with_its_reason(asked: None) -> None:
    with listening() as port, archive(port, has_role=False) as association:
        answer, _ = association.send_n_action(
            telling(kept=("2.25.1",)), 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
    assert answer.Status == NO_SUCH_CLASS
    assert "asked for here, and not given" in answer.ErrorComment


def test_both_ways_go_together(asked: None) -> None:
    with listening(storage_commitment=True) as port:
        with archive(port) as association:
            assert report(association, telling(kept=("2.25.1",))) == SUCCESS
        with archive(port, has_role=False) as association:
            answer, _ = association.send_n_action(
                telling(kept=("2.25.1",)), 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
            )
    assert answer.Status == SUCCESS


def test_a_listener_without_destinations_takes_no_reports() -> None:
    with listening(destinations=None) as port:
        entity = AE("PACS")
        entity.add_requested_context(StorageCommitmentPushModel)
        association = entity.associate("127.0.0.1", port, ae_title="CARPUS")
        assert not association.is_established
