"""Peers that no library would be: sockets bound to an address, and PDUs made by hand."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification

from db import settings as db_settings
from dicom_listener import serve
from dicom_listener.settings import ListenerSettings
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Running

RELEASE_REQUEST = b"\x05\0\0\0\0\4\0\0\0\0"
ABORT_TYPE, REJECT_TYPE, ACCEPT_TYPE = 7, 3, 2
FORGED_BYTES = 300_000_000


@contextmanager
def serving(environment: CarpusEnvironment, **settings: object) -> Iterator[Running]:
    """Run a listener in this process with such settings."""
    chosen = ListenerSettings(listener_port=0, sweep_seconds=3600, stop_seconds=5, **settings)
    started = serve.start(chosen, db_settings.shared())
    try:
        yield Running(started.port, started, environment.store)
    finally:
        started.stop(5)


def connect(port: int, source: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> socket.socket:
    """Connect from an address of this machine."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
    return context.wrap_socket(connection, server_hostname="localhost") if context else connection


def pdu(kind: int, body: bytes, stated_bytes: int | None = None) -> bytes:
    """Return a PDU, its length as told."""
    return struct.pack(">BBL", kind, 0, len(body) if stated_bytes is None else stated_bytes) + body


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


def request(calling: str = "MODALITY", called: str = "CARPUS", items: bytes | None = None) -> bytes:
    """Return an A-ASSOCIATE-RQ that proposes Verification, or with other items."""
    context = b"\1\0\0\0" + item(0x30, Verification.encode()) + item(0x40, ImplicitVRLittleEndian.encode())
    usual = (
        item(0x10, b"1.2.840.10008.3.1.1.1")
        + item(0x20, context)
        + item(0x50, item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3"))
    )
    titles = called.ljust(16).encode() + calling.ljust(16).encode()
    return pdu(1, struct.pack(">HH", 1, 0) + titles + bytes(32) + (usual if items is None else items))


def associate(connection: socket.socket) -> bytes:
    """Ask for an association; return the answer's type and, of a rejection or abort, result, source and reason."""
    connection.sendall(request())
    return answer(connection)


def answer(connection: socket.socket) -> bytes:
    """Return the next PDU; empty where the connection was closed instead."""
    try:
        header = _exactly(connection, 6)
        return header + _exactly(connection, struct.unpack(">L", header[2:])[0]) if header else b""
    except ConnectionError:
        return b""


def fragment(control: int, data: bytes, context_id: int = 1) -> bytes:
    """Return a P-DATA PDU of one fragment: control 0 data set, 1 command, and 2 more for the last."""
    return pdu(4, struct.pack(">LBB", len(data) + 2, context_id, control) + data)


def association_threads() -> list[str]:
    """Return the threads of this process that serve associations."""
    return [one.name for one in threading.enumerate() if "Acceptor" in one.name or "run_reactor" in one.name]


def process_size(pid: int) -> tuple[int, int]:
    """Return another process's threads and peak memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return len(list(Path(f"/proc/{pid}/task").iterdir())), int(status.split("VmHWM:")[1].split()[0]) // 1000


def held_connections(port: int) -> int:
    """Return how many descriptors the server of a port holds for its connections."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening, let_go = "0A", "0"
    return sum(
        int(local.split(":")[1], 16) == port and state != listening and inode != let_go
        for _, local, _, state, _, _, _, _, _, inode, *_ in lines
    )


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            return b""
        received += chunk
    return received
