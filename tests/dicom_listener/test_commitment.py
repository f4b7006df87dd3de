"""Storage commitment with a real peer: what is committed, and by which association it is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, generate_uid
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import StorageCommitmentPushModel
from sqlalchemy import text

from db import settings as db_settings
from db.errors import SettingsError
from db.session import transaction
from dicom_listener.commitment import ledger
from dicom_listener.settings import ListenerSettings
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Modality, Running, poll, rows
from tests.dicom_listener.requester import AE_TITLE, Requester, ask, commitments, information, reference
from tests.objects import hand_radiograph

# pynetdicom leaves the socket of a refused connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

PROCESSING_FAILURE, NO_SUCH_INSTANCE, CONFLICT, NOT_SUPPORTED = 0x0110, 0x0112, 0x0119, 0x0122


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


def test_no_requester_has_more_waiting_than_is_allowed(requester: Requester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_OPEN", 1)
    requester.ask_and_go(hand_radiograph())
    with requester.associated() as association:
        assert ask(association, information([hand_radiograph()])) == 0x0213
    assert len(commitments()) == 1
