"""Requesters that answer a report as nobody should, or never, and what becomes of the others' reports."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.sop_class import StorageCommitmentPushModel
from sqlalchemy import text

from carpus.ports import free_port
from db.session import transaction
from dicom_listener.commitment import conversations, open_association, report
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import poll
from tests.dicom_listener.peers import serving
from tests.dicom_listener.requester import AE_TITLE, Requester, ask, commitments, committing, information
from tests.objects import hand_radiograph

# pynetdicom leaves the socket of a refused connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


def answer_with(association: Association, status: Any) -> None:
    """Answer the first report on an association past what the client can be made to say."""
    response = Dataset()
    response.AffectedSOPClassUID = StorageCommitmentPushModel
    response.CommandField, response.MessageIDBeingRespondedTo, response.CommandDataSetType = 0x8100, 1, 0x0101
    response.Status = status
    message = P_DATA()
    context_id = association.accepted_contexts[0].context_id
    message.presentation_data_value_list = [[context_id, b"\x03" + (encode(response, True, True) or b"")]]
    association.dul.send_pdu(message)


@pytest.mark.usefixtures("carpus_env")
def test_an_answer_with_two_statuses_is_a_failure_and_holds_nobody_up(written: Callable[[], str]) -> None:
    with committing() as listener:
        hostile, good = Requester(listener.port), Requester(listener.port)
        hostile.answer.clear()
        with hostile.associated() as association:
            assert ask(association, information([hand_radiograph()])) == 0x0000
            hostile.report()
            answer_with(association, [0, 0])
            (row,) = poll(commitments, lambda found: found[0].failure_reason is not None)
            hostile.answer.set()
        assert row.failure_reason == "the requester answered the report with status 0x0110"
        with good.associated() as association:
            assert ask(association, information([hand_radiograph()])) == 0x0000
            good.report()
    assert "round_failed" not in written()


@pytest.mark.usefixtures("carpus_env")
def test_an_association_that_breaks_the_round_is_left_and_the_others_go_on(
    written: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(commitment_id: int, status: int) -> None:
        raise RuntimeError

    with committing() as listener:
        first, second = Requester(listener.port), Requester(listener.port)
        with first.associated() as association, monkeypatch.context() as broken:
            broken.setattr(conversations, "note_answer", note)
            assert ask(association, information([hand_radiograph()])) == 0x0000
            first.report()
            poll(written, lambda log: "association_not_reported_on" in log)
            with second.associated() as other:
                assert ask(other, information([hand_radiograph()])) == 0x0000
                second.report()
    assert "round_failed" not in written()


def due_to(ae_title: str) -> None:
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO storage_commitment (transaction_uid, calling_ae_title, referenced, due_at) "
                "VALUES ('1.2.3', :title, jsonb_build_array(jsonb_build_object("
                "'sop_class_uid', '1.2', 'sop_instance_uid', '1.2.3')), now())"
            ),
            {"title": ae_title},
        )


@contextmanager
def taking_reports(ae_title: str) -> Iterator[int]:
    entity, port = AE(ae_title), free_port()
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, lambda _: (0, None))]
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    try:
        yield port
    finally:
        server.shutdown()


@pytest.mark.usefixtures("carpus_env")
def test_one_whose_call_breaks_off_unforeseen_is_tried_later_and_the_next_is_called(
    written: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors, event_type = [ValueError()], report.event_type

    def failing_once(*arguments: Any) -> int:
        if errors:
            raise errors.pop()
        return event_type(*arguments)

    monkeypatch.setattr(report, "event_type", failing_once)
    for ae_title in ("A_PACS", AE_TITLE):
        due_to(ae_title)
    with taking_reports("A_PACS") as first, taking_reports(AE_TITLE) as second:
        peers = f"A_PACS=127.0.0.1:{first},{AE_TITLE}=127.0.0.1:{second}"
        with committing(commitment_peers=peers):
            found = poll(commitments, lambda found: found[1].reported_at)
    assert found[0].failure_reason == "unexpected ValueError, see the listener's log"
    assert found[0].due_at is not None
    assert "round_failed" not in written()


@pytest.mark.usefixtures("carpus_env")
def test_who_answers_late_and_has_no_address_is_waited_for_as_long_as_its_association_lasts(
    written: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_association, "ANSWER_SECONDS", 0.1)
    with committing() as listener:
        slow, other = Requester(listener.port), Requester(listener.port)
        slow.answer.clear()
        with slow.associated() as association:
            assert ask(association, information([hand_radiograph()])) == 0x0000
            slow.report()
            for _ in range(2):  # each by some rounds after the time for the answer was over
                with other.associated() as another:
                    assert ask(another, information([hand_radiograph()])) == 0x0000
                    other.report()
                    poll(commitments, lambda found: found[-1].reported_at is not None)
            slow.answer.set()
            poll(commitments, lambda found: found[0].reported_at is not None)
            assert ask(association, information([hand_radiograph()])) == 0x0000
            slow.report()
            poll(commitments, lambda found: all(row.reported_at for row in found))
    assert "commitment_not_reported" not in written()


@pytest.mark.usefixtures("carpus_env")
def test_an_answer_counts_also_after_the_report_was_given_up(written: Callable[[], str]) -> None:
    with committing() as listener:
        slow = Requester(listener.port)
        slow.answer.clear()
        with slow.associated() as association:
            assert ask(association, information([hand_radiograph()])) == 0x0000
            slow.report()
            with transaction() as session:  # as another listener does, which knows nothing of this association
                session.execute(text("UPDATE storage_commitment SET due_at = NULL, failure_reason = 'no address'"))
            slow.answer.set()
            (row,) = poll(commitments, lambda found: found[0].reported_at is not None)
            poll(written, lambda log: log.count('"commitment_reported"') == 1)
    assert (row.due_at, row.failure_reason) == (None, None)


def test_reports_that_are_open_when_commitment_is_switched_off_are_told_of(
    carpus_env: CarpusEnvironment, written: Callable[[], str]
) -> None:
    with committing(commitment_peers=f"{AE_TITLE}=127.0.0.1:{free_port()}") as listener:
        Requester(listener.port).ask_and_go(hand_radiograph())
        poll(commitments, lambda found: found[0].attempts == 1)
    assert "commitments_left_open" not in written()
    with serving(carpus_env):
        poll(written, lambda log: log.count("commitments_left_open") == 1)
    assert '"reports": 1' in written()
    assert commitments()[0].due_at is not None
