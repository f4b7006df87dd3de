"""Every file of pydicom's own test set: it ends in a state with a reason, and takes neither long nor much."""

import io
import resource
import time
from collections import Counter
from pathlib import Path

import pydicom
import pytest
from pydicom import dcmread
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

from db.errors import RejectedRadiographError
from db.states import READ
from db.vocabulary import State
from dicom_listener.header import read_meta
from dicom_listener.serve import STORAGE_CLASSES, TRANSFER_SYNTAXES
from tests.dicom_listener.conftest import Running, poll, rows
from worker.read import read
from worker.standardise import standardise
from worker.steps import perform

FOLDER = Path(pydicom.__file__).parent / "data"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc", ".json"})
LONGEST_SECONDS = 10.0
MOST_GROWN_BYTES = 2**30


def sop_class(path: Path) -> str:
    try:
        return str(read_meta(path).MediaStorageSOPClassUID)
    except Exception:  # noqa: BLE001  some are no DICOM files
        return ""


OURS = [path for path in FILES if sop_class(path) in STORAGE_CLASSES]


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_the_set_is_there() -> None:
    assert len(FILES) > 150
    assert len(OURS) > 50


@pytest.mark.filterwarnings("ignore")  # pydicom's, about each odd value
def test_every_file_is_read_or_rejected() -> None:
    before, ended = peak_bytes(), Counter[str]()
    for path in FILES:
        began = time.monotonic()
        try:
            ended["radiograph" if read(path).max() else "black"] += 1
        except RejectedRadiographError as error:
            assert len(str(error)) > 40, path.name
            ended["rejected"] += 1
        assert time.monotonic() - began < LONGEST_SECONDS, path.name
    assert ended["radiograph"] > 20
    assert ended["black"] == 0
    assert peak_bytes() - before < MOST_GROWN_BYTES


@pytest.mark.filterwarnings("ignore")  # as above
def test_those_of_our_storage_classes_end_with_a_reason_the_whole_way(listener: Running) -> None:
    sent = [path for path in OURS if send_as_it_is(listener.port, path)]
    assert len(sent) > 50
    poll(listener.inbox, lambda left: left == [], 60)
    for row in rows("SELECT id FROM radiograph WHERE state = 'RECEIVED'"):
        perform(READ, row.id, 60, standardise)
    ended = Counter(row.state for row in rows())
    assert set(ended) <= {State.READ, State.NOT_APPLICABLE, State.REJECTED}, ended
    assert ended[State.READ] > 0
    unexplained = [row for row in rows() if row.state != State.READ and not row.state_reason]
    assert unexplained == []


def send_as_it_is(port: int, path: Path) -> bool:
    """Send a file's data set bit for bit; return whether it was stored."""
    meta = dcmread(path, stop_before_pixels=True).file_meta
    syntax = UID(meta.TransferSyntaxUID)
    if syntax not in TRANSFER_SYNTAXES:
        return False
    content = path.read_bytes()
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID = meta.MediaStorageSOPClassUID
    request.AffectedSOPInstanceUID = meta.MediaStorageSOPInstanceUID
    request.DataSet = io.BytesIO(content[144 + int.from_bytes(content[140:144], "little") :])
    entity = AE("PYDICOM")
    entity.add_requested_context(meta.MediaStorageSOPClassUID, syntax)
    association = entity.associate("127.0.0.1", port)
    assert association.is_established, path.name
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    assert answer.Status == 0x0000, path.name
    return True
