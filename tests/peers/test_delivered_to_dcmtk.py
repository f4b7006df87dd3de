"""From the modality to DCMTK's storescp, which offers no storage commitment: over plain TCP and by TLS."""

import gc
import logging
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from carpus.ports import free_port, is_free
from db.addresses import Address
from db.settings import EntitySettings
from db.tls import calling_context
from tests.delivered import hand
from tests.dicom_listener.authorities import Authority
from tests.dicom_listener.conftest import poll
from tests.objects import hand_radiograph
from tests.peers.destinations import assess, stack_for, wait_for_delivery
from tests.way.running import Way
from worker.deliver import archive, secondary_capture

PLAIN, SECURE = "DCMTK", "DCMTK_TLS"
PORTS = {PLAIN: free_port(), SECURE: free_port()}


@contextmanager
def storescp(binary: str, folder: Path, port: int, *options: str | Path) -> Iterator[Path]:
    """Run a storescp, and yield the folder that it writes into."""
    folder.mkdir()
    command = [binary, "--output-directory", folder, *options, str(port)]
    with folder.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        poll(lambda: not is_free(port) or process.poll() is not None, bool, 20)
        assert process.poll() is None, folder.with_suffix(".log").read_text()
        yield folder
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Way]:
    destinations = f"{PLAIN}=127.0.0.1:{PORTS[PLAIN]},{SECURE}=127.0.0.1:{PORTS[SECURE]}+tls"
    folder = tmp_path_factory.mktemp("way")
    with stack_for(folder, destinations, CARPUS_DESTINATION_CA=str(authority.certificate)) as running:
        yield running


@pytest.mark.parametrize("destination", [PLAIN, SECURE])
def test_storescp_gets_both_objects_and_is_asked_for_no_commitment(
    way: Way, authority: Authority, program: Callable[[str], str], tmp_path: Path, destination: str
) -> None:
    own = authority.issue("storescp")
    options = ["+tls", own.key, own.certificate, "--ignore-peer-cert"] if destination == SECURE else []
    with storescp(program("storescp"), tmp_path / "got", PORTS[destination], *options) as folder:
        sent = hand()
        rows = wait_for_delivery(way, assess(way, sent), destination)
        uids = tuple(row["sop_instance_uid"] for row in rows)
        # What waited for it longer is just coming, too.
        got = [dcmread(path) for path in folder.iterdir() if path.name.endswith(uids)]
    assert {one.StudyInstanceUID for one in got} == {sent.StudyInstanceUID}
    assert sorted(one.SOPInstanceUID for one in got) == sorted(uids)
    assert sorted(one.Modality for one in got) == ["OT", "SR"]
    assert [(row["is_commitment_asked"], row["committed_at"]) for row in rows] == [(False, None)] * 2


def test_what_a_stranger_answers_for_a_destination_gets_nothing(
    way: Way, program: Callable[[str], str], tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "strangers").issue("storescp")
    options = ["+tls", stranger.key, stranger.certificate, "--ignore-peer-cert"]
    with storescp(program("storescp"), tmp_path / "got", PORTS[SECURE], *options) as folder:
        result = assess(way, hand())
        ours = "SELECT * FROM deliveries WHERE radiograph_id = %s AND destination = %s"
        way.wait_until(
            lambda: all(row["attempts"] > 1 for row in way.sql(ours, result["radiograph_id"], SECURE)),
            "two attempts",
        )
        assert list(folder.iterdir()) == []
    assert {row["last_error"] for row in way.sql(ours, result["radiograph_id"], SECURE)} == {
        f"nobody answers at 127.0.0.1:{PORTS[SECURE]} by TLS with a certificate that can be verified"
    }


@pytest.fixture
def asking(authority: Authority, program: Callable[[str], str], tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A storescp that takes nothing from who shows no certificate of its authority: its port and folder."""
    theirs, port = authority.issue("storescp"), free_port()
    options = ["+tls", theirs.key, theirs.certificate, "--add-cert-file", authority.certificate]
    with storescp(program("storescp"), tmp_path / "got", port, *options, "--require-peer-cert") as folder:
        yield port, folder


def test_a_storescp_that_asks_for_a_certificate_is_shown_ours(asking: tuple[int, Path], authority: Authority) -> None:
    port, folder = asking
    ours = authority.issue("carpus")
    made = hand_radiograph(SOPClassUID=secondary_capture.SOP_CLASS_UID)
    send(made, port, authority, EntitySettings(tls_certificate=ours.certificate, tls_key=ours.key))
    assert [dcmread(path).SOPInstanceUID for path in folder.iterdir()] == [made.SOPInstanceUID]


# pynetdicom leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_a_storescp_that_asks_for_a_certificate_is_away_where_we_have_none(
    asking: tuple[int, Path], authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "pynetdicom")  # as the worker has it; a record would hold the socket
    port, folder = asking
    made = hand_radiograph(SOPClassUID=secondary_capture.SOP_CLASS_UID)
    with pytest.raises(archive.DestinationAwayError, match=f":{port} by TLS with a certificate that can be verified"):
        send(made, port, authority, EntitySettings())
    gc.collect()
    assert list(folder.iterdir()) == []


def send(made: Dataset, port: int, authority: Authority, own: EntitySettings) -> None:
    """Send an object as the worker does, with a certificate of ours or without one."""
    context = calling_context(own, "CARPUS_DESTINATION_CA", authority.certificate)
    with archive.connected("CARPUS", SECURE, Address("127.0.0.1", port, is_tls=True), context) as connected:
        assert not connected.offers_commitment
        connected.store(made)
