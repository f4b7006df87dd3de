"""Sending to an archive that stops in the middle of something: it is told to be away, and nobody waits for ever."""

import struct
import threading
import time
from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from carpus.ports import free_port
from db.addresses import Address
from tests.front import Front
from tests.pacs import AE_TITLE, Pacs, running
from worker.deliver import archive
from worker.deliver.archive import DestinationAwayError, connected

SECONDS = 1
BEGINNING = struct.pack(">BBL", 0x04, 0, 100)  # of a P-DATA-TF PDU, the rest of which never comes


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    monkeypatch.setattr(archive, "_ANSWER_SECONDS", SECONDS)
    with running(Pacs(free_port())) as pacs, Front(pacs.port).there() as front:
        yield front


def _picture(size_bytes: int) -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    made.add_new("PixelData", "OB", bytes(size_bytes))
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def _is_away(port: int, size_bytes: int) -> None:
    """Send a picture in a thread of its own, for it may hang, and expect that the archive is found to be away."""
    found: list[Exception] = []

    def send() -> None:
        try:
            with connected("CARPUS", AE_TITLE, Address("127.0.0.1", port), None) as association:
                association.store(_picture(size_bytes))
        except DestinationAwayError as error:
            found.append(error)

    began = time.monotonic()
    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    sending.join(20 * SECONDS)
    assert not sending.is_alive(), "it waits for ever"
    assert len(found) == 1
    assert time.monotonic() - began < 5 * SECONDS


def test_an_archive_that_stops_reading_in_the_middle_of_an_object_is_away(front: Front) -> None:
    with front.hanging(after_bytes=100_000):
        _is_away(front.port, 8 * 2**20)  # more than waits in the kernel


def test_an_archive_that_stops_in_the_middle_of_an_answer_is_away(front: Front) -> None:
    with front.hanging(after_bytes=5_000, last_words=BEGINNING):
        _is_away(front.port, 10_000)
