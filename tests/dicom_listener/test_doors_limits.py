"""How much and how slowly a peer may send: lengths, times, and what is no message."""

import socket
import struct
import threading
from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from dicom_listener import store
from dicom_listener.messages import MAX_COMMAND_BYTES
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Running, poll
from tests.dicom_listener.peers import (
    ABORT_TYPE,
    ACCEPT_TYPE,
    FORGED_BYTES,
    answer,
    associate,
    association_threads,
    connect,
    fragment,
    item,
    pdu,
    request,
    serving,
)

BY_PROVIDER, UNEXPECTED_PDU, INVALID_VALUE = 2, 2, 6


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (pdu(1, b"", stated_bytes=FORGED_BYTES), INVALID_VALUE),
        (pdu(4, b"", stated_bytes=FORGED_BYTES), UNEXPECTED_PDU),
        (b"GET / HTTP/1.1\r\n\r\n", UNEXPECTED_PDU),
    ],
)
def test_what_is_no_association_request_is_answered_with_an_abort_before_it_is_read(
    listener: Running, sent: bytes, reason: int
) -> None:
    with connect(listener.port) as connection:
        connection.sendall(sent[:6])
        got = answer(connection)
        assert (got[0], *got[8:]) == (ABORT_TYPE, BY_PROVIDER, reason)
        assert connection.recv(1) == b""
        assert association_threads() == []


@pytest.mark.parametrize(
    "items",
    [
        item(0x20, b"") * 131,
        item(0x50, item(0x51, struct.pack(">L", 16384)) * 513),
        item(0x20, b"\1\0\0\0" + item(0x40, b"1.2") * 513),
        item(0x50, b"\x57\0\0\x08\0\x09"),
        item(0x10, b"1.2")[:-2],
    ],
)
def test_a_request_that_cannot_be_decoded_leaves_no_thread(
    listener: Running, items: bytes, written: Callable[[], str]
) -> None:
    with connect(listener.port) as connection:
        connection.sendall(request(items=items))
        assert answer(connection)[0] == ABORT_TYPE
        assert connection.recv(1) == b""
    assert poll(association_threads, lambda left: left == []) == []
    assert written().count('"refused"') == 1
    assert '"exception"' not in written()


def test_a_trickling_request_has_its_time_and_no_more(carpus_env: CarpusEnvironment) -> None:
    with serving(carpus_env, request_seconds=0.5) as listener, connect(listener.port) as connection:
        connection.settimeout(0.05)
        rest = iter(request())

        def trickle() -> bytes | None:
            try:
                connection.sendall(bytes([next(rest)]))
                return connection.recv(1)
            except TimeoutError:
                return None
            except ConnectionError:
                return b""

        assert poll(trickle, lambda got: got == b"") == b""


@pytest.mark.parametrize("seconds_between_bytes", [0.05, None])
def test_a_pdu_that_is_begun_must_be_finished_in_time(
    carpus_env: CarpusEnvironment, seconds_between_bytes: float | None
) -> None:
    with serving(carpus_env, pdu_seconds=0.5) as listener, connect(listener.port) as connection:
        assert associate(connection)[0] == ACCEPT_TYPE
        connection.sendall(pdu(4, b"", stated_bytes=1000))
        connection.settimeout(seconds_between_bytes or 10)

        def trickle() -> bytes | None:
            try:
                if seconds_between_bytes:
                    connection.sendall(b"\0")
                return answer(connection)
            except TimeoutError:
                return None

        got = poll(trickle, lambda seen: seen is not None)
        assert not got or got[0] == ABORT_TYPE
        assert poll(association_threads, lambda left: left == []) == []


def test_a_pdu_longer_than_offered_is_not_read(carpus_env: CarpusEnvironment, written: Callable[[], str]) -> None:
    with serving(carpus_env, max_pdu_bytes=4096) as listener, connect(listener.port) as connection:
        assert associate(connection)[0] == ACCEPT_TYPE
        connection.sendall(pdu(4, b"", stated_bytes=4097))
        got = answer(connection)
        assert (got[0], *got[8:]) == (ABORT_TYPE, BY_PROVIDER, INVALID_VALUE)
    assert '"reason": "a PDU longer than the 4096 bytes allowed"' in written()


def test_a_sender_that_says_nothing_is_cut_off(carpus_env: CarpusEnvironment) -> None:
    with serving(carpus_env, network_timeout_seconds=0.5) as listener, connect(listener.port) as connection:
        assert associate(connection)[0] == ACCEPT_TYPE
        assert answer(connection)[0] == ABORT_TYPE
        assert poll(association_threads, lambda left: left == []) == []


def test_a_connection_that_is_closed_before_its_request_leaves_nothing(listener: Running) -> None:
    for sent in (b"", b"\1\0\0", request()[:-1]):
        with connect(listener.port) as connection:
            connection.sendall(sent)
    assert poll(lambda: len(listener.listener.server._waiting), lambda left: left == 0) == 0
    assert association_threads() == []


@pytest.mark.parametrize(
    "sent",
    [
        fragment(1, bytes(MAX_COMMAND_BYTES - 2)) + fragment(1, b"123"),
        fragment(3, b"no command"),
        fragment(2, b"a data set without a command"),
        pdu(4, b"\0\0\0\1\1"),
        pdu(4, b"\0\0"),
    ],
    ids=["too long a command", "no command", "no data set", "no fragment", "no fragment's header"],
)
def test_what_is_no_message_ends_the_association_and_no_more(
    listener: Running, sent: bytes, written: Callable[[], str]
) -> None:
    with connect(listener.port) as connection:
        assert associate(connection)[0] == ACCEPT_TYPE
        connection.sendall(sent)
        assert answer(connection)[0] == ABORT_TYPE
    assert poll(association_threads, lambda left: left == []) == []
    assert written().count('"refused"') == 1
    assert '"exception"' not in written()


def store_request(message_id: int, uid: str, data_set: bytes) -> bytes:
    command = Dataset()
    command.AffectedSOPClassUID = DigitalXRayImageStorageForPresentation
    command.CommandField, command.MessageID, command.Priority, command.CommandDataSetType = 1, message_id, 2, 1
    command.AffectedSOPInstanceUID = uid
    encoded = encode(command, True, True)
    assert encoded is not None
    return fragment(3, encoded) + fragment(2, data_set)


def test_a_sender_that_does_not_wait_for_answers_is_made_to(listener: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = threading.Event()

    def keep(*_: object) -> None:
        may_go_on.wait(60)
        raise OSError

    monkeypatch.setattr(store.Store, "keep", keep)
    context = b"\1\0\0\0" + item(0x30, DigitalXRayImageStorageForPresentation.encode())
    context += item(0x40, ImplicitVRLittleEndian.encode())
    items = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, context)
    items += item(0x50, item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3"))
    with connect(listener.port) as connection:
        connection.sendall(request(items=items))
        assert answer(connection)[0] == ACCEPT_TYPE
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        connection.settimeout(1)
        sent_bytes = 0
        with pytest.raises(TimeoutError):
            while sent_bytes < 2**27:
                message = store_request(1, "1.2.3", bytes(100_000))
                connection.sendall(message)
                sent_bytes += len(message)
        (association,) = listener.listener.server.active_associations
        assert association.dimse.msg_queue.qsize() <= 1
        may_go_on.set()
    assert poll(association_threads, lambda left: left == []) == []
