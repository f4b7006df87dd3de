"""Requests for storage commitment that cannot be taken: each has its status, and leaves nothing behind."""

import io
from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_ACTION
from pynetdicom.sop_class import BasicFilmSession, StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from dicom_listener.commitment.request import MAX_REFERENCES
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.requester import Requester, ask, commitments, committing, information, reference
from tests.objects import hand_radiograph

NO_SUCH_INSTANCE, INVALID, NO_SUCH_CLASS, NO_SUCH_ACTION, TOO_MANY = 0x0112, 0x0115, 0x0118, 0x0123, 0x0213


@pytest.fixture
def association(carpus_env: CarpusEnvironment) -> Iterator[Association]:
    with committing() as listener, Requester(listener.port).associated() as association:
        yield association
        assert commitments() == []
        assert ask(association, information([hand_radiograph()])) == 0x0000  # it is still served


def without(keyword: str) -> Dataset:
    asked = information([hand_radiograph()])
    delattr(asked, keyword)
    return asked


def with_reference(item: Dataset) -> Dataset:
    asked = information([hand_radiograph()])
    asked.ReferencedSOPSequence.append(item)
    return asked


def with_uid(uid: str) -> Dataset:
    asked = information([hand_radiograph()])
    asked["TransactionUID"]._value = uid
    return asked


def send_raw(
    association: Association, action_information: bytes | None, sop_class: str = StorageCommitmentPushModel
) -> int:
    """Ask past the client's own checks."""
    request = N_ACTION()
    request.MessageID = 7
    request.RequestedSOPClassUID, request.RequestedSOPInstanceUID = sop_class, StorageCommitmentPushModelInstance
    request.ActionTypeID = 1
    request.ActionInformation = None if action_information is None else io.BytesIO(action_information)
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return int(answer.Status)


def test_another_action_is_refused(association: Association) -> None:
    assert ask(association, information([hand_radiograph()]), action_type=2) == NO_SUCH_ACTION


def test_another_instance_is_refused(association: Association) -> None:
    assert ask(association, information([hand_radiograph()]), instance_uid="1.2.3") == NO_SUCH_INSTANCE


def test_another_class_is_refused(association: Association) -> None:
    assert send_raw(association, bytes(8), BasicFilmSession) == NO_SUCH_CLASS


@pytest.mark.parametrize(
    "asked",
    [
        without("TransactionUID"),
        without("ReferencedSOPSequence"),
        information([]),
        with_reference(Dataset()),
        with_uid("1.2." + "3" * 61),
        with_uid("1.2.x"),
        with_uid("../../etc"),
    ],
    ids=["no transaction", "no sequence", "empty sequence", "empty item", "long UID", "no UID", "a path"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of the requester's own pydicom
def test_a_malformed_request_is_refused(association: Association, asked: Dataset) -> None:
    assert ask(association, asked) == INVALID


@pytest.mark.parametrize(
    "content", [None, b"\x08\x00\x95\x11\xff\xff\xff\xff" + b"\0" * 9, b"\x08\x00", b"\xff" * 5000]
)
def test_bytes_that_are_no_request_are_refused(association: Association, content: bytes | None) -> None:
    assert send_raw(association, content) == INVALID


def test_too_many_references_are_refused(association: Association) -> None:
    asked = information([])
    asked.ReferencedSOPSequence = [reference("1.2", f"1.2.{n}") for n in range(MAX_REFERENCES + 1)]
    assert ask(association, asked) == TOO_MANY


def test_a_request_of_many_bytes_is_not_parsed(association: Association) -> None:
    assert send_raw(association, bytes(2_000_000)) == TOO_MANY
