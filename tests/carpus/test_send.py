"""Sending to a listener inside the test."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, RLELossless
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification
from rich.console import Console

from carpus import ports, send, sending
from carpus.outgoing import Outgoing, Reference, wrapped
from carpus.wrap import wrap

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)
SUCCESS, WARNING, OUT_OF_RESOURCES = 0x0000, 0xB000, 0xA700


@dataclass
class Listener:
    """A storage SCP that answers as it is told and keeps what it got."""

    peer: send.Peer
    answers: list[int] = field(default_factory=list)
    received: list[tuple[str, str, bytes]] = field(default_factory=list)
    associations: list[list[str]] = field(default_factory=list)

    def store(self, event: Event) -> int:
        request = event.request
        self.received.append(
            (request.AffectedSOPInstanceUID, event.context.transfer_syntax, request.DataSet.getvalue())
        )
        return self.answers.pop(0) if self.answers else SUCCESS

    def note_association(self, event: Event) -> None:
        self.associations.append([context.abstract_syntax for context in event.assoc.requestor.requested_contexts])


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener(send.Peer(ports.LOOPBACK, ports.free_port(), "CARPUS", "TEST"))
    entity = AE(ae_title="CARPUS")
    entity.require_called_aet = True
    entity.add_supported_context(DigitalXRayImageStorageForPresentation, [ExplicitVRLittleEndian, RLELossless])
    entity.add_supported_context(Verification)
    handlers = [(evt.EVT_C_STORE, made.store), (evt.EVT_REQUESTED, made.note_association)]
    server = entity.start_server((made.peer.host, made.peer.port), block=False, evt_handlers=handlers)
    yield made
    server.shutdown()


def test_echo_says_whether_a_listener_serves(listener: Listener) -> None:
    assert send.echo(listener.peer) is None
    stranger = replace(listener.peer, called_ae_title="NOBODY")
    assert "rejected the association" in (send.echo(stranger) or "")


def picture(value: int) -> Outgoing:
    return wrapped(f"picture {value}", lambda: wrap(GREY + value, "1", "RSNA", "M"), Reference("RSNA", "label", 12))


def files(folder: Path, number: int) -> list[Path]:
    paths = [folder / f"{value}.dcm" for value in range(number)]
    for value, path in enumerate(paths):
        wrap(GREY + value, str(value), "RSNA", "M").save_as(path)
    return paths


def run(paths: list[Path], peer: send.Peer) -> tuple[bool, str]:
    console = Console(file=StringIO(), width=200)
    well = sending.run(paths, peer, console)
    assert isinstance(console.file, StringIO)
    return well, console.file.getvalue()


def test_files_are_sent_byte_for_byte_in_their_own_transfer_syntax(listener: Listener, tmp_path: Path) -> None:
    [plain] = files(tmp_path, 1)
    image = wrap(GREY + 100, "2", "RSNA", "M")
    image.compress(RLELossless, generate_instance_uid=False)
    image.save_as(tmp_path / "rle.dcm")
    well, said = run([tmp_path], listener.peer)
    assert well, said
    assert [syntax for _, syntax, _ in listener.received] == [ExplicitVRLittleEndian, RLELossless]
    for (_, _, content), path in zip(listener.received, [plain, tmp_path / "rle.dcm"], strict=True):
        assert path.read_bytes().endswith(content)
    assert len(listener.associations) == 1
    assert "2 of 2 stored by CARPUS at 127.0.0.1:" in said


def test_the_same_picture_sent_twice_is_the_same_object(listener: Listener) -> None:
    outcomes = [*send.send([picture(1)], listener.peer), *send.send([picture(1)], listener.peer)]
    assert [one.problem for one in outcomes] == [None, None]
    assert listener.received[0] == listener.received[1]
    assert {one.sop_instance_uid for one in outcomes} == {listener.received[0][0]}


def test_a_refused_object_is_named_and_the_others_still_go(listener: Listener, tmp_path: Path) -> None:
    files(tmp_path, 3)
    (tmp_path / "notes.txt").write_text("no DICOM")
    listener.answers = [WARNING, OUT_OF_RESOURCES, SUCCESS]
    well, said = run([tmp_path], listener.peer)
    assert not well
    assert len(listener.received) == 3
    assert f"not sent: {tmp_path.name}/notes.txt: not a DICOM file" in said
    assert f"not sent: {tmp_path.name}/1.dcm: refused with status 0xA700: Refused: Out of Resources" in said
    assert "2 of 4 stored" in said


def test_a_kind_that_the_listener_does_not_take_is_named_and_the_others_still_go(listener: Listener) -> None:
    other = wrap(GREY, "1", "RSNA", "M")
    other.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    objects = [Outgoing("CT", other.SOPClassUID, ExplicitVRLittleEndian, lambda: other), picture(1)]
    refused, stored = send.send(objects, listener.peer)
    assert refused.problem == "the listener does not accept CT Image Storage as Explicit VR Little Endian"
    assert stored.problem is None


def test_a_value_that_cannot_be_sent_is_not_laid_to_the_listener(listener: Listener) -> None:
    def load() -> Dataset:
        raise ValueError("the value is too long")

    objects = [Outgoing("broken", DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, load)]
    assert [one.problem for one in send.send(objects, listener.peer)] == ["the value is too long"]


def test_more_kinds_than_an_association_can_hold_take_several(listener: Listener) -> None:
    objects = [
        Outgoing(
            str(n), DigitalXRayImageStorageForPresentation, UID(f"1.2.3.{n}"), lambda: wrap(GREY, "1", "RSNA", "M")
        )
        for n in range(128)
    ]
    outcomes = list(send.send([*objects, picture(1)], listener.peer))
    assert [len(contexts) for contexts in listener.associations] == [128, 1]
    assert outcomes[0].problem == f"CARPUS at 127.0.0.1:{listener.peer.port} accepts none of these kinds of images"
    assert outcomes[-1].problem is None


# pynetdicom leaves the socket of a refused connection to the collector (3.0.4, transport.py)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_listener_is_said_once_for_each_object_without_trying_again(tmp_path: Path) -> None:
    peer = send.Peer(ports.LOOPBACK, ports.free_port(), "CARPUS", "TEST")
    outcomes = list(send.send([picture(1), picture(2)], peer))
    assert [one.problem for one in outcomes] == [f"no DICOM listener answers as CARPUS at 127.0.0.1:{peer.port}"] * 2


def test_a_wrong_ae_title_is_told_by_the_listener(listener: Listener) -> None:
    peer = send.Peer(listener.peer.host, listener.peer.port, "OTHER", "TEST")
    [outcome] = send.send([picture(1)], peer)
    assert outcome.problem == f"OTHER at 127.0.0.1:{peer.port} rejected the association: Called AE title not recognised"


def test_nothing_found_is_no_success(listener: Listener, tmp_path: Path) -> None:
    well, said = run([tmp_path], listener.peer)
    assert not well
    assert "0 of 0 stored" in said
