"""Every file of pydicom's own test set ends in a state with a reason, and takes neither long nor much."""

import io
import resource
import time
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

from db.errors import RejectedRadiographError
from db.vocabulary import State
from dicom_listener.header import read_meta
from dicom_listener.serve import STORAGE_CLASSES, TRANSFER_SYNTAXES
from tests.dicom_listener.peers import process_size
from tests.fuzz.batches import CONTEXT
from tests.way.running import Way
from worker.read import read

FOLDER = Path(pydicom.__file__).parent / "data"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc", ".json"})
LONGEST_SECONDS = 10.0
START_SECONDS = 30.0
MOST_BYTES = 10**9
CALLING_AE_TITLE = "PYDICOM"


def syntaxes() -> dict[Path, tuple[str, UID]]:
    """Return SOP class and transfer syntax of each file that has a file meta header."""
    found = {}
    for path in FILES:
        try:
            meta = read_meta(path)
            found[path] = (str(meta.MediaStorageSOPClassUID), UID(meta.TransferSyntaxUID))
        except Exception:  # noqa: BLE001  some are no DICOM files
            continue
    return found


OURS = {path: syntax for path, (sop_class, syntax) in syntaxes().items() if sop_class in STORAGE_CLASSES}


def test_the_set_is_there_and_each_of_our_storage_classes_can_be_sent() -> None:
    assert len(FILES) > 150
    assert len(OURS) > 50
    assert [path.name for path, syntax in OURS.items() if syntax not in TRANSFER_SYNTAXES] == []


def _read_all(answers: Connection) -> None:
    """Read each file, in a process of its own, and tell how it ended, the seconds, and the peak of memory so far."""
    warnings.simplefilter("ignore")  # pydicom's, about each odd value
    for path in FILES:
        began = time.monotonic()
        try:
            ended = "radiograph" if read(path).max() else "black"
        except RejectedRadiographError as error:
            ended = f"rejected: {error}"
        answers.send((ended, time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def test_every_file_is_read_or_rejected() -> None:
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_read_all, args=(sender,))
    process.start()
    sender.close()
    kinds = Counter[str]()
    try:
        for path in FILES:
            assert receiver.poll(LONGEST_SECONDS + START_SECONDS), f"{path.name} hangs"
            try:
                ended, seconds, peak_bytes = receiver.recv()
            except EOFError:
                pytest.fail(f"{path.name} ends its process, or is neither read nor rejected; see stderr")
            assert seconds < LONGEST_SECONDS, path.name
            assert peak_bytes < MOST_BYTES, path.name
            kind, _, reason = ended.partition(": ")
            assert kind == "radiograph" or len(reason) > 40, path.name
            kinds[kind] += 1
    finally:
        process.kill()
        process.join()
    assert set(kinds) == {"radiograph", "rejected"}
    assert kinds["radiograph"] > 20


def test_those_of_our_storage_classes_go_the_whole_way(way: Way) -> None:
    sent = {send_as_it_is(way.stack.ports.listener, path) for path in OURS}
    assert len(sent) > 40

    def rows() -> list[dict[str, Any]]:
        return way.sql(
            "SELECT r.*, (SELECT count(*) FROM assessment WHERE radiograph_id = r.id) AS assessments"
            " FROM radiograph AS r WHERE calling_ae_title = %s",
            CALLING_AE_TITLE,
        )

    way.wait_until(lambda: len(rows()) == len(sent) and all(row["ended_at"] for row in rows()), "the end of each")
    found = rows()
    # One that crashed a reader, or took too long, has had another attempt, and may be FAILED.
    assert [row for row in found if row["attempts"] > 1] == []
    ended = Counter(row["state"] for row in found)
    assert set(ended) == {State.COMPLETED, State.NOT_APPLICABLE, State.REJECTED}, ended
    for row in found:
        is_completed = row["state"] == State.COMPLETED
        assert (bool(row["state_reason"]), row["assessments"]) == (not is_completed, int(is_completed)), row
    listener_pid = way.stack.processes["listener"].pid
    assert listener_pid is not None
    assert process_size(listener_pid)[1] * 1_000_000 < MOST_BYTES


def send_as_it_is(port: int, path: Path) -> bytes:
    """Send a file's data set bit for bit; return what makes it another object than the others."""
    meta = read_meta(path)
    content = path.read_bytes()
    data_set = content[144 + int.from_bytes(content[140:144], "little") :]
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID = meta.MediaStorageSOPClassUID
    request.AffectedSOPInstanceUID = meta.MediaStorageSOPInstanceUID
    request.DataSet = io.BytesIO(data_set)
    entity = AE(CALLING_AE_TITLE)
    entity.add_requested_context(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port)
    assert association.is_established, path.name
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    assert answer.Status == 0x0000, path.name
    return f"{meta.MediaStorageSOPInstanceUID} {meta.TransferSyntaxUID} ".encode() + data_set
