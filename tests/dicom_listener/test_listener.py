"""A radiograph's way into the house, over a real association, with real servers."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_context
from pynetdicom.dsutils import encode
from sqlalchemy import text

from db.identity import IMPLEMENTATION_CLASS_UID
from db.session import transaction
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Running, messages, poll, registered, rows
from tests.objects import hand_radiograph
from tests.rows import add_assessment, add_model_version


def test_an_echo_is_answered(listener: Running) -> None:
    association = listener.associate()
    assert association.send_c_echo().Status == 0x0000
    association.release()


def test_a_stored_radiograph_has_a_file_a_row_and_a_message(listener: Running, carpus_env: CarpusEnvironment) -> None:
    data_set = hand_radiograph(PatientOrientation=["L", "H"])
    sent = encode(data_set, is_implicit_vr=False, is_little_endian=True)
    assert sent is not None
    assert listener.send(data_set) == 0x0000

    (row,) = registered(1)
    stored = listener.store / row.object_path
    meta = read_file_meta_info(stored)
    assert stored.read_bytes()[144 + meta.FileMetaInformationGroupLength :] == sent
    assert meta.MediaStorageSOPInstanceUID == data_set.SOPInstanceUID
    assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.SourceApplicationEntityTitle == "MODALITY"
    assert dcmread(stored).PixelData == data_set.PixelData

    assert (row.sop_instance_uid, row.revision, row.state) == (data_set.SOPInstanceUID, 1, State.RECEIVED)
    assert (row.sha256, row.size_bytes) == (hashlib.sha256(sent).hexdigest(), stored.stat().st_size)
    assert (row.patient_id_issuer, row.patient_id, row.patient_sex) == ("local", "P1", "F")
    assert row.chronological_age_months == pytest.approx(3653 / 30.4375)  # 2014-03-01 to 2024-03-01
    assert row.calling_ae_title == "MODALITY"
    assert (row.laterality, row.patient_orientation, row.view_position) == ("L", "L\\H", "PA")
    assert poll(listener.inbox, lambda left: left == []) == []

    (message,) = poll(lambda: messages(carpus_env), bool)
    assert message["headers"]["task"] == "read"
    assert json.loads(base64.b64decode(message["body"]))[:2] == [[row.id], {}]
    assert "P1" not in json.dumps(message)


def test_the_same_bytes_sent_again_change_nothing(listener: Running, carpus_env: CarpusEnvironment) -> None:
    data_set = hand_radiograph()
    assert listener.send(data_set) == 0x0000
    before = registered(1)
    poll(lambda: messages(carpus_env), bool)
    assert listener.send(data_set) == 0x0000
    poll(listener.inbox, lambda left: left == [])
    assert rows() == before
    assert len(messages(carpus_env)) == 1
    assert len([path for path in listener.store.rglob("*") if path.is_file()]) == 1


def test_a_row_missing_from_a_restored_database_comes_back_when_the_object_is_sent_again(listener: Running) -> None:
    data_set = hand_radiograph()
    listener.send(data_set)
    registered(1)
    with transaction() as session:
        session.execute(text("DELETE FROM radiograph"))
    listener.send(data_set)
    registered(1)


def test_other_bytes_under_the_same_uid_are_a_revision_and_supersede_the_earlier(listener: Running) -> None:
    wrong = hand_radiograph(PatientSex="M")
    listener.send(wrong)
    (first,) = registered(1)
    with transaction() as session:
        add_assessment(session, first.id, add_model_version(session))
    listener.send(hand_radiograph(SOPInstanceUID=wrong.SOPInstanceUID, PatientSex="F"))
    earlier, later = registered(2)
    assert [(row.revision, row.patient_sex) for row in (earlier, later)] == [(1, "M"), (2, "F")]
    assert earlier.superseded_at is not None
    assert later.superseded_at is None
    assert [row.superseded_at is None for row in rows("SELECT superseded_at FROM assessment")] == [False]
    assert len(list((listener.store / "objects").rglob("*.dcm"))) == 2


def test_the_last_that_was_sent_is_valid_even_if_it_had_been_sent_before(listener: Running) -> None:
    first = hand_radiograph(PatientSex="M")
    second = hand_radiograph(SOPInstanceUID=first.SOPInstanceUID, PatientSex="F")
    for count, data_set in enumerate((first, second, first), start=1):
        assert listener.send(data_set) == 0x0000
        registered(count)
    found = rows()
    assert [(row.revision, row.patient_sex, row.superseded_at is None) for row in found] == [
        (1, "M", False),
        (2, "F", False),
        (3, "M", True),
    ]
    assert (found[2].sha256, found[2].object_path) == (found[0].sha256, found[0].object_path)
    assert found[0].received_at < found[1].received_at < found[2].received_at
    assert found[2].state == State.RECEIVED


def test_a_chest_is_not_applicable_and_not_enqueued(listener: Running, carpus_env: CarpusEnvironment) -> None:
    listener.send(hand_radiograph(BodyPartExamined="CHEST"))
    (row,) = registered(1)
    assert (row.state, row.due_at) == (State.NOT_APPLICABLE, None)
    assert "BodyPartExamined (0018,0015) is CHEST" in row.state_reason
    assert row.ended_at is not None
    assert messages(carpus_env) == []


def test_a_real_extremity_goes_on_and_a_real_chest_does_not(listener: Running, shared_data: Path) -> None:
    for name in ("RG3_JPLL.dcm", "RG1_J2KI.dcm"):
        assert listener.send(dcmread(shared_data / "dicom" / name)) == 0x0000
    assert [row.state for row in registered(2)] == [State.RECEIVED, State.NOT_APPLICABLE]


def test_a_data_set_that_is_another_object_is_rejected(listener: Running) -> None:
    assert listener.send_raw("1.2.3", encode(hand_radiograph(SOPInstanceUID="1.2.4"), False, True) or b"") == 0x0000
    (row,) = registered(1)
    assert (row.state, row.sop_instance_uid) == (State.REJECTED, "1.2.3")
    assert "SOPInstanceUID (0008,0018) of the data set is another than the C-STORE command's 1.2.3" in row.state_reason


def test_bytes_that_are_no_data_set_are_rejected(listener: Running) -> None:
    assert listener.send_raw("1.2.3", b"\x08\x00\x05\x00XX" + b"\xff" * 100) == 0x0000
    (row,) = registered(1)
    assert row.state == State.REJECTED
    assert row.patient_sex == "missing"


@pytest.mark.parametrize("data_set", [b"\x08", b"\x08\x00\x05", b"\x08\x00\x05\x00"])
def test_a_data_set_of_a_few_bytes_is_rejected_and_does_not_stay_in_the_inbox(
    listener: Running, data_set: bytes
) -> None:
    assert listener.send_raw("1.2.3", data_set) == 0x0000
    (row,) = registered(1)
    assert row.state == State.REJECTED
    poll(listener.inbox, lambda left: left == [])


@pytest.mark.parametrize("uid", ["../../x", "1..2", "1.2.x"])
def test_a_uid_that_is_none_is_refused(listener: Running, uid: str) -> None:
    assert listener.send_raw(uid, encode(hand_radiograph(), False, True) or b"") == 0xC000
    assert [path for path in listener.store.rglob("*") if path.is_file()] == []


def test_a_sop_class_other_than_its_context_s_is_refused(listener: Running) -> None:
    data_set = encode(hand_radiograph(), False, True) or b""
    assert listener.send_raw("1.2.3", data_set, ComputedRadiographyImageStorage) == 0xA900


def test_every_storage_class_is_accepted_in_every_transfer_syntax(listener: Running) -> None:
    from dicom_listener.serve import STORAGE_CLASSES, TRANSFER_SYNTAXES

    assert (len(STORAGE_CLASSES), len(TRANSFER_SYNTAXES)) == (8, 16)
    for sop_class in STORAGE_CLASSES:
        contexts = [build_context(sop_class, syntax) for syntax in TRANSFER_SYNTAXES]
        association = AE("MODALITY").associate("127.0.0.1", listener.listener.port, contexts=contexts)
        assert len(association.accepted_contexts) == len(TRANSFER_SYNTAXES)
        association.release()


def test_an_implicit_data_set_is_kept_as_it_came(listener: Running) -> None:
    data_set = hand_radiograph()
    data_set.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    listener.send(data_set)
    (row,) = registered(1)
    assert row.transfer_syntax_uid == ImplicitVRLittleEndian
    assert (row.state, row.patient_id) == (State.RECEIVED, "P1")
