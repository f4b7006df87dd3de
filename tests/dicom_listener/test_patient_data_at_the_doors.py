"""What senders write when they are refused, ask for a commitment, or pseudonyms are stored: it is not kept."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from sqlalchemy import text

from db.session import transaction
from db.steps import READ
from db.tables import Base
from db.vocabulary import Sex, State
from dicom_listener.pseudonym import pseudonym
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import messages, poll, registered, rows
from tests.dicom_listener.peers import answer, connect, request, serving
from tests.dicom_listener.requester import Requester, ask, commitments, information
from tests.objects import hand_radiograph
from tests.planted import PLANTED, Garden, Sender
from training.phantom import draw
from worker.standardise import standardise
from worker.steps import perform

PICTURE = draw(94, Sex.FEMALE, seed=7, rows=200).image
KEY = "0123456789abcdef" * 2

# Of the modality's own pydicom, and of its sockets that wait for the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Invalid value for VR UI"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


def found(content: str | bytes) -> set[str]:
    octets = content.encode() if isinstance(content, str) else content
    return {match.decode().upper() for match in PLANTED.findall(octets)}


def in_tables() -> set[str]:
    """Return the planted values of all rows."""
    values: set[str] = set()
    with transaction() as session:
        for table in Base.metadata.sorted_tables:
            values |= found("\n".join(session.scalars(text(f"SELECT t::text FROM {table.name} AS t"))))
    return values


def in_redis(environment: CarpusEnvironment) -> set[str]:
    """Return those of every key, and of the messages' bodies in their Base64."""
    with redis.Redis.from_url(environment.servers.broker_url) as client:
        values = found(b"\n".join(key + b" " + (client.dump(key) or b"") for key in client.scan_iter()))
    return values.union(*(found(json.dumps(one) + b64decode(one["body"]).decode()) for one in messages(environment)))


def in_files(folder: Path, *, but: str = "") -> set[str]:
    """Return those of every file under a folder, but for one folder of it."""
    left_out = folder / but if but else None
    values: set[str] = set()
    for path in folder.rglob("*"):
        if path.is_file() and left_out not in path.parents:
            values |= found(path.name) | found(path.read_bytes())
    return values


def refused_requests(garden: Garden) -> Iterator[Dataset]:
    """Yield requests for a commitment with text for each UID in turn."""
    yield information([hand_radiograph()], garden.value("transaction UID"))
    for keyword in ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID"):
        asked = information([hand_radiograph()])
        setattr(asked.ReferencedSOPSequence[0], keyword, garden.value(keyword))
        yield asked


def test_under_a_pseudonym_the_patient_id_is_in_the_stored_object_alone(
    carpus_env: CarpusEnvironment, written: Callable[[], str]
) -> None:
    garden, uid = Garden(), generate_uid()
    with serving(carpus_env, patient_id="hmac", patient_id_key=KEY, storage_commitment=True) as listener:
        sent = garden.radiograph(PICTURE, SOPInstanceUID=("UI", uid))
        answered = Sender(listener.port, "MODALITY", garden).send(sent, uid)
        assert answered is not None
        assert answered.Status == 0x0000
        (row,) = registered(1)
        requester = Requester(listener.port)
        with requester.associated() as association:
            asked = hand_radiograph()
            asked.SOPInstanceUID = uid
            assert ask(association, information([asked])) == 0x0000
            assert requester.report().committed == [uid]
            poll(commitments, lambda seen: seen[0].reported_at is not None)
        perform(READ, row.id, 60, standardise)
    (row,) = rows()
    plain = set(garden.values["PatientID"])
    assert row.state == State.READ
    assert row.patient_id in {pseudonym(KEY, row.patient_id_issuer, one) for one in plain}
    assert plain & in_files(carpus_env.store)  # in the object itself, which says that it would be found
    assert in_tables() <= set(garden.values["IssuerOfPatientID"] + garden.values["AccessionNumber"])
    assert len(messages(carpus_env)) == 1
    assert in_redis(carpus_env) == set()
    assert found(written()) == set()
    assert in_files(carpus_env.store, but="objects") == set()
    in_database = in_files(carpus_env.servers.postgres.folder)
    assert set(garden.values["AccessionNumber"]) & in_database  # by way of the write-ahead log, at the latest
    assert not plain & in_database


def test_the_words_of_who_is_refused_are_not_kept(carpus_env: CarpusEnvironment, written: Callable[[], str]) -> None:
    garden = Garden()
    title, called = garden.value("refused AE title"), garden.value("called AE title")
    with serving(carpus_env, calling_ae_titles="MODALITY", storage_commitment=True) as listener:
        with connect(listener.port) as stranger:
            stranger.sendall(request(calling=title, called=called))
            assert found(answer(stranger)) == set()
        with Requester(listener.port).associated() as association:
            for asked in refused_requests(garden):
                response, _ = association.send_n_action(
                    asked, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
                )
                assert response.Status == 0x0115
                assert found(str(response)) == set()
    assert in_tables() | in_redis(carpus_env) | in_files(carpus_env.store) == set()
    # Who has to be let in must be known, so that these titles are told where it was refused, and nowhere else.
    told = [json.loads(line) for line in written().splitlines() if found(line)]
    assert [(one["event"], one["calling_ae_title"], one["called_ae_title"]) for one in told] == [
        ("refused", title, called)
    ]
    assert found(written()) == {title, called}
