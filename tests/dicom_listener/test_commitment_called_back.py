"""Requesters that have gone are called back: at which address, how often, and until when."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from db import settings as db_settings
from db.errors import SettingsError
from db.session import transaction
from dicom_listener.commitment import open_association
from dicom_listener.commitment.call import Caller
from dicom_listener.settings import ListenerSettings
from tests.dicom_listener.conftest import poll
from tests.dicom_listener.requester import AE_TITLE, Requester, ask, commitments, committing, due_now, information
from tests.objects import hand_radiograph

# pynetdicom leaves the socket of a refused connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

PROCESSING_FAILURE, NO_SUCH_INSTANCE, CONFLICT, NOT_SUPPORTED = 0x0110, 0x0112, 0x0119, 0x0122


def test_who_has_gone_is_called_back_with_the_role_of_a_provider(requester: Requester, peer_port: int) -> None:
    sent = hand_radiograph()
    requester.store(sent)
    with requester.listening(peer_port):
        uid = requester.ask_and_go(sent)
        report = requester.report()
        poll(commitments, lambda found: found[0].reported_at is not None)
    assert (report.transaction_uid, report.event_type, report.committed) == (uid, 1, [sent.SOPInstanceUID])
    assert not report.is_on_own_association
    assert report.roles == (False, True)  # as SCU, as SCP


def test_a_requester_that_is_away_is_called_until_it_is_back(requester: Requester, peer_port: int) -> None:
    sent = hand_radiograph()
    requester.store(sent)
    requester.ask_and_go(sent)
    (row,) = poll(commitments, lambda found: found[0].attempts == 1)
    assert row.failure_reason == f"127.0.0.1:{peer_port} takes no association"
    assert row.due_at is not None
    assert [one["sop_instance_uid"] for one in row.referenced] == [sent.SOPInstanceUID]
    due_now()
    poll(commitments, lambda found: found[0].attempts == 2)
    with requester.listening(peer_port):
        due_now()
        assert requester.report().committed == [sent.SOPInstanceUID]
        (row,) = poll(commitments, lambda found: found[0].reported_at is not None)
    assert (row.attempts, row.failure_reason, row.due_at) == (3, None, None)


@pytest.mark.usefixtures("carpus_env")
def test_a_restarted_listener_keeps_the_promise(peer_port: int) -> None:
    sent = hand_radiograph()
    peers = f"{AE_TITLE}=127.0.0.1:{peer_port}"
    with committing(commitment_peers=peers) as listener:
        requester = Requester(listener.port)
        requester.store(sent)
        requester.ask_and_go(sent)
    assert commitments()[0].due_at is not None
    with requester.listening(peer_port), committing(commitment_peers=peers):
        due_now()  # as after the lease
        assert requester.report().committed == [sent.SOPInstanceUID]
        poll(commitments, lambda found: found[0].reported_at is not None)


def test_an_answer_is_not_waited_for_for_ever(
    requester: Requester, peer_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_association, "ANSWER_SECONDS", 0.1)
    sent = hand_radiograph()
    requester.store(sent)
    requester.answer.clear()
    with requester.associated() as association, requester.listening(peer_port):
        assert ask(association, information([sent])) == 0x0000
        assert requester.report().is_on_own_association
        assert not requester.report().is_on_own_association
        requester.answer.set()
        poll(commitments, lambda found: found[0].reported_at is not None)
        assert association.is_established


def test_a_report_that_the_requester_could_not_take_comes_again(requester: Requester, peer_port: int) -> None:
    sent = hand_radiograph()
    requester.store(sent)
    requester.status = 0x0110
    with requester.associated() as association:
        assert ask(association, information([sent])) == 0x0000
        requester.report()
        (row,) = poll(commitments, lambda found: found[0].failure_reason is not None)
    assert row.failure_reason == "the requester answered the report with status 0x0110"
    requester.status = 0x0000
    with requester.listening(peer_port):
        due_now()
        requester.report()
        poll(commitments, lambda found: found[0].reported_at is not None)


@pytest.mark.usefixtures("carpus_env")
def test_who_has_gone_without_an_address_is_told_of_in_the_database(written: Callable[[], str]) -> None:
    with committing() as listener:
        requester = Requester(listener.port)
        sent = hand_radiograph()
        requester.store(sent)
        uid = requester.ask_and_go(sent)
        (row,) = poll(commitments, lambda found: found[0].due_at is None)
        assert (row.reported_at, row.referenced) == (None, [])
        assert "CARPUS_COMMITMENT_PEERS has no address" in row.failure_reason
        poll(written, lambda log: "commitment_not_reported" in log)
        with requester.associated() as association:  # but it may ask again, and stay
            assert ask(association, information([sent], uid)) == 0x0000
            assert requester.report().transaction_uid == uid


@pytest.mark.usefixtures("carpus_env")
def test_after_three_days_it_is_given_up_and_said(peer_port: int, written: Callable[[], str]) -> None:
    with committing(commitment_peers=f"{AE_TITLE}=127.0.0.1:{peer_port}") as listener:
        Requester(listener.port).ask_and_go(hand_radiograph())
        poll(commitments, lambda found: found[0].attempts == 1)
        with transaction() as session:
            session.execute(
                text("UPDATE storage_commitment SET due_at = now(), requested_at = now() - interval '73 h'")
            )
        (row,) = poll(commitments, lambda found: found[0].due_at is None)
    assert (row.failure_reason, row.referenced) == (f"127.0.0.1:{peer_port} takes no association", [])
    assert "commitment_not_reported" in written()


def test_a_requester_that_breaks_off_in_the_middle_of_a_report_is_called_back(
    requester: Requester, peer_port: int
) -> None:
    asked = information([hand_radiograph() for _ in range(1000)])
    with requester.associated() as association:
        assert ask(association, asked) == 0x0000
        poll(lambda: "N_EVENT_REPORT_RQ" in requester.received or association.dimse.message, bool)
        association.abort()
    with requester.listening(peer_port):
        poll(commitments, lambda found: found[0].reported_at is not None)
    assert len(requester.report().failed) == 1000


@pytest.mark.parametrize(
    "text", ["PACS", "PACS=host", "=host:1", "PACS=host:0", "PACS=host:65536", "A=b:1,A=c:1", " =h:1", "A=b:1+tls"]
)
def test_a_malformed_address_names_its_setting(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_COMMITMENT_PEERS", text)
    with pytest.raises(SettingsError, match="CARPUS_COMMITMENT_PEERS"):
        db_settings.load(ListenerSettings)


def _caller(*, is_stopping: bool) -> Caller:
    """Return one that knows no requester's address."""
    return Caller(lambda _: None, "CARPUS", {}, set, tls=lambda: None, is_stopping=lambda: is_stopping)


@pytest.mark.usefixtures("carpus_env")
def test_a_listener_that_stops_calls_nobody_any_more(peer_port: int) -> None:
    with committing(commitment_peers=f"{AE_TITLE}=127.0.0.1:{peer_port}") as listener:
        Requester(listener.port).ask_and_go(hand_radiograph())
        poll(commitments, lambda found: found[0].attempts == 1)
    for is_stopping in (True, False):
        due_now()
        _caller(is_stopping=is_stopping).go_round()
        assert (commitments()[0].due_at is None) is not is_stopping  # given up, for want of an address, or left
