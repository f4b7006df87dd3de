"""Storage commitment with a real peer: what is committed, and by which association it is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, generate_uid
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import StorageCommitmentPushModel
from sqlalchemy import text

from carpus.ports import free_port
from db import settings as db_settings
from db.errors import SettingsError
from db.session import transaction
from dicom_listener.commitment import ledger, open_association
from dicom_listener.commitment.peers import parse_peers
from dicom_listener.settings import ListenerSettings
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Modality, Running, poll, rows
from tests.dicom_listener.requester import AE_TITLE, Requester, ask, commitments, information, reference
from tests.objects import hand_radiograph

# pynetdicom leaves the socket of a refused connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

PROCESSING_FAILURE, NO_SUCH_INSTANCE, CONFLICT, NOT_SUPPORTED = 0x0110, 0x0112, 0x0119, 0x0122


@pytest.fixture
def peer_port() -> int:
    return free_port()


@contextmanager
def committing(**settings: Any) -> Iterator[Any]:
    from dicom_listener import serve

    given = {"listener_port": 0, "sweep_seconds": 0.2, "stop_seconds": 5, "storage_commitment": True} | settings
    started = serve.start(ListenerSettings(**given), db_settings.shared())
    try:
        yield started
    finally:
        started.stop(5)


@pytest.fixture
def requester(carpus_env: CarpusEnvironment, peer_port: int) -> Iterator[Requester]:
    """A requester whose address is known to a listener."""
    with committing(commitment_peers=f"{AE_TITLE}=127.0.0.1:{peer_port}") as listener:
        yield Requester(listener.port)


def due_now() -> None:
    with transaction() as session:
        session.execute(text("UPDATE storage_commitment SET due_at = now() WHERE due_at IS NOT NULL"))


def test_it_is_off_by_default(listener: Running) -> None:
    from pynetdicom import AE

    entity = AE(AE_TITLE)
    entity.add_requested_context(StorageCommitmentPushModel)
    association = entity.associate("127.0.0.1", listener.listener.port)
    assert association.accepted_contexts == []
    association.abort()


def test_it_is_refused_while_objects_are_purged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_RETENTION_DAYS", "30")
    db_settings.load(ListenerSettings)
    monkeypatch.setenv("CARPUS_STORAGE_COMMITMENT", "true")
    with pytest.raises(SettingsError, match=r"CARPUS_STORAGE_COMMITMENT: .* CARPUS_RETENTION_DAYS"):
        db_settings.load(ListenerSettings)
    monkeypatch.delenv("CARPUS_RETENTION_DAYS")
    assert db_settings.load(ListenerSettings).storage_commitment


def test_what_was_stored_is_committed_and_told_on_the_same_association(requester: Requester) -> None:
    sent = [hand_radiograph(), hand_radiograph(BodyPartExamined="CHEST")]
    asked = information(sent)
    with requester.associated() as association:
        for data_set in sent:
            assert association.send_c_store(data_set).Status == 0x0000
        assert ask(association, asked) == 0x0000
        report = requester.report()
        poll(commitments, lambda found: found[0].reported_at is not None)
    assert (report.transaction_uid, report.event_type) == (asked.TransactionUID, 1)
    assert (report.committed, report.failed) == ([data_set.SOPInstanceUID for data_set in sent], {})
    assert report.is_on_own_association
    assert requester.received[2:] == ["N_ACTION_RSP", "N_EVENT_REPORT_RQ"]
    assert all(row.committed_at is not None for row in rows())
    (row,) = commitments()
    assert (row.calling_ae_title, row.due_at, row.failure_reason, row.attempts) == (AE_TITLE, None, None, 1)
    assert row.referenced == []


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


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o640)
    path.unlink()
    path.write_bytes(content)


def test_only_what_is_truly_there_is_committed(
    requester: Requester, carpus_env: CarpusEnvironment, written: Callable[[], str]
) -> None:
    sound, damaged, cut, gone, purged, forgotten = sent = [hand_radiograph() for _ in range(6)]
    requester.store(*sent)
    other = generate_uid()
    Modality(requester.port).send_raw(other, encode(hand_radiograph(), False, True) or b"")
    poll(rows, lambda found: len(found) == 7)
    path = {row.sop_instance_uid: carpus_env.store / row.object_path for row in rows()}
    damage(path[damaged.SOPInstanceUID])
    with path[cut.SOPInstanceUID].open("r+b") as file:
        file.truncate(100)
    for absent in (gone, purged):
        path[absent.SOPInstanceUID].unlink()
    with transaction() as session:
        end = "state = 'NOT_APPLICABLE', due_at = NULL, ended_at = now(), purged_at = now()"
        session.execute(text(f"UPDATE radiograph SET {end} WHERE sop_instance_uid = '{purged.SOPInstanceUID}'"))
        session.execute(text(f"DELETE FROM radiograph WHERE sop_instance_uid = '{forgotten.SOPInstanceUID}'"))
    asked = information(sent)
    never, unsupported = generate_uid(), generate_uid()
    asked.ReferencedSOPSequence += [
        reference(sound.SOPClassUID, never),
        reference(sound.SOPClassUID, other),
        reference(CTImageStorage, unsupported),
    ]
    with requester.associated() as association:
        assert ask(association, asked) == 0x0000
        report = requester.report()
    assert (report.event_type, report.committed) == (2, [sound.SOPInstanceUID])
    assert report.failed == {
        damaged.SOPInstanceUID: PROCESSING_FAILURE,
        cut.SOPInstanceUID: PROCESSING_FAILURE,
        gone.SOPInstanceUID: NO_SUCH_INSTANCE,
        purged.SOPInstanceUID: NO_SUCH_INSTANCE,
        forgotten.SOPInstanceUID: NO_SUCH_INSTANCE,
        never: NO_SUCH_INSTANCE,
        other: CONFLICT,
        unsupported: NOT_SUPPORTED,
    }
    assert [row.sop_instance_uid for row in rows() if row.committed_at] == [sound.SOPInstanceUID]
    assert written().count("stored_object_damaged") == 3


def test_another_sop_class_is_a_conflict_even_beside_the_right_one(requester: Requester) -> None:
    sent = hand_radiograph()
    requester.store(sent)
    asked = information([sent, sent])
    asked.ReferencedSOPSequence.append(reference(ComputedRadiographyImageStorage, sent.SOPInstanceUID))
    with requester.associated() as association:
        assert ask(association, asked) == 0x0000
        report = requester.report()
    assert (report.committed, report.failed) == ([sent.SOPInstanceUID], {sent.SOPInstanceUID: CONFLICT})


def test_what_has_no_row_yet_is_waited_for(requester: Requester) -> None:
    sent = hand_radiograph()
    with requester.associated() as association:
        with transaction() as other:
            lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:uid, 0))")
            other.execute(lock, {"uid": sent.SOPInstanceUID})
            assert association.send_c_store(sent).Status == 0x0000
            assert ask(association, information([sent])) == 0x0000
            leased = commitments()[0].due_at
            poll(commitments, lambda found: found[0].due_at > leased)  # it has been looked for
            assert requester.reports.empty()
        assert requester.report().committed == [sent.SOPInstanceUID]


@pytest.mark.usefixtures("carpus_env")
def test_what_never_gets_its_row_is_not_committed(requester: Requester, carpus_env: CarpusEnvironment) -> None:
    sent = hand_radiograph()
    requester.store(sent)
    poll(lambda: list((carpus_env.store / "inbox").iterdir()), lambda left: left == [])
    (carpus_env.store / "inbox" / f"{sent.SOPInstanceUID}.{'a' * 64}.1.dcm").write_bytes(b"a later version, damaged")
    with requester.associated() as association:
        assert ask(association, information([sent])) == 0x0000
        with transaction() as session:
            session.execute(text("UPDATE storage_commitment SET requested_at = now() - interval '61 s'"))
        assert requester.report().failed == {sent.SOPInstanceUID: NO_SUCH_INSTANCE}


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


def test_a_sender_goes_on_while_its_report_is_under_way(requester: Requester) -> None:
    requester.answer.clear()
    sent = [hand_radiograph() for _ in range(5)]
    with requester.associated() as association:
        assert ask(association, information(sent)) == 0x0000
        requester.report()
        for data_set in sent:
            assert association.send_c_store(data_set).Status == 0x0000
        requester.answer.set()
        poll(commitments, lambda found: found[0].reported_at is not None)
        assert ask(association, information(sent)) == 0x0000
        assert requester.report().event_type == 1


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


def test_the_same_request_again_is_reported_on_and_another_under_its_uid_is_refused_while_it_is_open(
    requester: Requester,
) -> None:
    first, second = hand_radiograph(), hand_radiograph()
    requester.store(first, second)
    uid = generate_uid()
    requester.answer.clear()
    with requester.associated() as association:
        for _ in range(2):
            assert ask(association, information([first], uid)) == 0x0000
        assert ask(association, information([second], uid)) == 0x0131
        requester.answer.set()
        poll(commitments, lambda found: found[0].reported_at is not None)
        assert requester.report().committed == [first.SOPInstanceUID]
        assert ask(association, information([second], uid)) == 0x0000  # no longer in use
        poll(commitments, lambda found: found[0].reported_at is not None)
    while (report := requester.report()).committed != [second.SOPInstanceUID]:
        assert report.committed == [first.SOPInstanceUID]
    assert len(commitments()) == 1


def test_a_database_that_is_away_promises_nothing(requester: Requester, carpus_env: CarpusEnvironment) -> None:
    with requester.associated() as association:
        carpus_env.servers.postgres.stop()
        try:
            assert ask(association, information([hand_radiograph()])) == 0x0213
        finally:
            carpus_env.servers.postgres.start()
        assert commitments() == []
        assert ask(association, information([hand_radiograph()])) == 0x0000
        assert requester.report().event_type == 2


def test_a_report_of_many_objects_is_whole(requester: Requester) -> None:
    asked = information([hand_radiograph() for _ in range(1000)])  # 150 KB, against 16 KB in one PDU of the peer
    with requester.associated() as association:
        assert ask(association, asked) == 0x0000
        report = requester.report()
    assert len(report.failed) == 1000


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


def test_no_requester_has_more_waiting_than_is_allowed(requester: Requester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_OPEN", 1)
    requester.ask_and_go(hand_radiograph())
    with requester.associated() as association:
        assert ask(association, information([hand_radiograph()])) == 0x0213
    assert len(commitments()) == 1


def test_addresses_are_read_by_ae_title() -> None:
    peers = parse_peers("PACS=10.0.0.5:104, CR 1-A=[fd00::7]:11112,X=host.example:1")
    assert peers == {"PACS": ("10.0.0.5", 104), "CR 1-A": ("fd00::7", 11112), "X": ("host.example", 1)}


@pytest.mark.parametrize(
    "text", ["PACS", "PACS=host", "=host:1", "PACS=host:0", "PACS=host:65536", "A=b:1,A=c:1", " =h:1"]
)
def test_a_malformed_address_names_its_setting(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_COMMITMENT_PEERS", text)
    with pytest.raises(SettingsError, match="CARPUS_COMMITMENT_PEERS"):
        db_settings.load(ListenerSettings)
