"""Five hundred connections of one address that never ask for anything, and the sender of another."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE

from tests.conftest import CarpusEnvironment
from tests.dicom_listener.authorities import Authority
from tests.dicom_listener.conftest import poll, registered
from tests.dicom_listener.peers import (
    ACCEPT_TYPE,
    FORGED_BYTES,
    answer,
    associate,
    connect,
    held_connections,
    pdu,
    process_size,
)
from tests.dicom_listener.test_process import listening
from tests.objects import hand_radiograph

CONNECTIONS = 500
REQUEST_SECONDS = 2
MOST_WAITING = 200  # the setting's default
MOST_MORE_MB = 40


@pytest.fixture(params=["plain", "TLS"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ssl.SSLContext | None:
    """Set the listener's TLS; return the client's."""
    monkeypatch.setenv("CARPUS_REQUEST_SECONDS", str(REQUEST_SECONDS))
    if request.param == "plain":
        return None
    authority = Authority(tmp_path / "certificates")
    identity = authority.issue("listener")
    monkeypatch.setenv("CARPUS_TLS_CERTIFICATE", str(identity.certificate))
    monkeypatch.setenv("CARPUS_TLS_KEY", str(identity.key))
    return authority.client_context()


@contextmanager
def flood(port: int) -> Iterator[list[socket.socket]]:
    """Hold connections that send three bytes, and every second of them one byte more each second."""
    held: list[socket.socket] = []
    ending = threading.Event()

    def drip() -> None:
        while not ending.wait(1):
            for connection in held[::2]:
                with suppress(OSError):
                    connection.send(b"\1")

    dripping = threading.Thread(target=drip)
    try:
        for _ in range(CONNECTIONS):
            connection = connect(port, "127.0.0.2")
            held.append(connection)
            with suppress(OSError):  # it may have been closed to make room for the next one
                connection.sendall(b"\1\0\0")
        dripping.start()
        yield held
    finally:
        ending.set()
        dripping.join()
        for connection in held:
            connection.close()


def send(port: int, data_set: Dataset, context: ssl.SSLContext | None) -> int:
    entity = AE("MODALITY")
    entity.add_requested_context(data_set.SOPClassUID, data_set.file_meta.TransferSyntaxUID)
    tls = (context, "localhost") if context else None
    association = entity.associate("127.0.0.1", port, bind_address=("127.0.0.1", 0), tls_args=tls)
    assert association.is_established
    try:
        return int(association.send_c_store(data_set).Status)
    finally:
        association.release()


@pytest.mark.usefixtures("carpus_env")
def test_half_open_connections_of_one_address_stop_no_other_sender(client: ssl.SSLContext | None) -> None:
    with listening() as (process, port):
        assert send(port, hand_radiograph(), client) == 0x0000
        registered(1)
        poll(lambda: held_connections(port), lambda held: held == 0)
        threads, peak_mb = process_size(process.pid)
        with flood(port) as held:
            for _ in range(3):
                assert send(port, hand_radiograph(), client) == 0x0000
            flooded_threads, flooded_peak_mb = process_size(process.pid)
            assert flooded_threads <= threads + 2  # the last association may be ending
            assert MOST_WAITING / 2 < held_connections(port) <= MOST_WAITING + 2
            assert flooded_peak_mb <= peak_mb + MOST_MORE_MB
            for connection in held:
                with suppress(ConnectionError):
                    assert connection.recv(100)[:1] in {b"", b"\7", b"\x15"}  # closed, A-ABORT, TLS alert
        poll(lambda: held_connections(port), lambda left: left == 0)
        poll(lambda: process_size(process.pid)[0], lambda seen: seen <= threads)
        registered(4)
        process.terminate()
        assert process.stderr is not None
        told = process.stderr.read()
        assert told.count('"refused"') <= 4, told
        assert told.count('"refused_again"') <= 4, told


def test_stated_lengths_take_no_memory(carpus_env: CarpusEnvironment) -> None:
    with listening() as (process, port), ExitStack() as held:
        _, peak_mb = process_size(process.pid)
        for number in range(8):
            connection = held.enter_context(connect(port, f"127.0.0.{2 + number // 5}"))
            is_established = number % 2
            if is_established:
                assert associate(connection)[0] == ACCEPT_TYPE
            with suppress(ConnectionError):
                connection.sendall(pdu(4 if is_established else 1, b"", stated_bytes=FORGED_BYTES))
                connection.sendall(bytes(FORGED_BYTES // 8))
            answer(connection)
        assert process_size(process.pid)[1] <= peak_mb + MOST_MORE_MB
