"""Orthanc stores in Carpus, asks for storage commitment, and takes the report on an association of ours."""

import json
from typing import Any

from sqlalchemy import text

from db.session import transaction
from tests.dicom_listener.conftest import poll, registered, rows
from tests.dicom_listener.requester import commitments
from tests.objects import file_bytes, hand_radiograph
from tests.peers.conftest import Pair


def report(pair: Pair, transaction_uid: str) -> Any:
    """Return what Orthanc has of a report, once it has it."""
    path = f"/storage-commitment/{transaction_uid}"
    return poll(lambda: pair.orthanc.request(path), lambda seen: seen["Status"] != "Pending", 30)


def test_what_orthanc_stores_is_committed(pair: Pair) -> None:
    sent = [hand_radiograph() for _ in range(3)]
    ids = [pair.orthanc.request("/instances", file_bytes(data_set))["ID"] for data_set in sent]
    asked = {"Resources": ids, "StorageCommitment": True, "Synchronous": True}
    stored = pair.orthanc.request("/modalities/carpus/store", asked)
    uid = stored["StorageCommitmentTransactionUID"]
    told = report(pair, uid)
    assert told["Status"] == "Success", json.dumps(told)
    assert {one["SOPInstanceUID"] for one in told["Success"]} == {data_set.SOPInstanceUID for data_set in sent}
    (row,) = poll(commitments, lambda found: found[0].reported_at is not None)
    assert (row.calling_ae_title, row.transaction_uid) == ("ORTHANC", uid)
    assert all(row.committed_at is not None for row in registered(3))


def test_what_carpus_has_not_is_told_to_orthanc(pair: Pair) -> None:
    sent = hand_radiograph()
    held = pair.orthanc.request("/instances", file_bytes(sent))["ID"]
    pair.orthanc.request("/modalities/carpus/store", {"Resources": [held], "Synchronous": True})
    registered(1)
    with transaction() as session:
        session.execute(text("DELETE FROM radiograph"))
    asked = {"DicomInstances": [{"SOPClassUID": sent.SOPClassUID, "SOPInstanceUID": sent.SOPInstanceUID}]}
    answer = pair.orthanc.request("/modalities/carpus/storage-commitment", asked)
    told = report(pair, answer["ID"])
    assert told["Status"] == "Failure", json.dumps(told)
    assert told["Failures"][0]["FailureReason"] == 0x0112
    assert rows() == []
