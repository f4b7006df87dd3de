"""Senders that are cut off in the middle of a transfer."""

import socket
import struct
from collections.abc import Callable
from typing import Any

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt

ANSWER_TIMEOUT_SECONDS = 20
_PDU_HEADER_BYTES = 6


class Recording:
    """The bytes of one association that sends one radiograph, to be played again as far as one likes.

    Parameters
    ----------
    data_set
        The radiograph, encoded.
    port
        Of a listener; the radiograph is sent to it.
    """

    def __init__(self, data_set: Dataset, port: int) -> None:
        sent: list[bytes] = []
        entity = AE("CUT")
        entity.add_requested_context(data_set.SOPClassUID, data_set.file_meta.TransferSyntaxUID)
        handlers: list[Any] = [(evt.EVT_DATA_SENT, lambda event: sent.append(event.data))]
        association = entity.associate("127.0.0.1", port, ae_title="CARPUS", evt_handlers=handlers)
        assert association.is_established
        association.send_c_store(data_set)
        association.release()
        self._request, *data, _ = sent
        self._data = b"".join(data)
        self._uid = str(data_set.SOPInstanceUID).encode()

    def cut(self, port: int, part: float, *, abruptly: bool) -> str:
        """Send a part of it under another UID, and hang up without reading an answer.

        Parameters
        ----------
        port
            The listener's.
        part
            From 0, nothing of the C-STORE request, up to 1, which would be all of it.
        abruptly
            Whether the connection is reset instead of closed.

        Returns
        -------
        str
            The UID it was sent under.
        """
        uid = generate_uid()[: len(self._uid)].rstrip(".").ljust(len(self._uid), "1")
        data = self._data.replace(self._uid, uid.encode())
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_SECONDS) as connection:
            connection.sendall(self._request)
            _read_pdu(connection)
            connection.sendall(data[: int(part * len(data))])
            if abruptly:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return uid


def _read_pdu(connection: socket.socket) -> bytes:
    header = _exactly(connection, _PDU_HEADER_BYTES)
    return header + _exactly(connection, int.from_bytes(header[2:], "big"))


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = connection.recv(count - len(received))
        if not piece:
            raise ConnectionError("the listener hung up")
        received += piece
    return received


def in_threads(count: int, job: Callable[[int], None], threads: int = 8) -> None:
    """Do a job so many times, several at once; the first error is raised."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(job, range(count)))
