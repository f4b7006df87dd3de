"""One PDU on its way in: its kind and length are checked before anything of its body is read.

Used by :mod:`waiting` for the association request and by :mod:`wire` for all that follows.

References
----------
DICOM PS3.8 section 9.3 (structure of the PDUs), table 9-26 (reasons of an A-ABORT).
"""

import socket
from collections.abc import Collection
from enum import IntEnum

from pynetdicom.pdu import A_ABORT_RQ

from db.errors import PermanentError

HEADER_BYTES = 6  # type, reserved, length of what follows
_FIRST_BYTES = 4_096
_BY_SERVICE_PROVIDER = 2


class PDUType(IntEnum):
    """The kinds of PDUs."""

    A_ASSOCIATE_RQ = 1
    A_ASSOCIATE_AC = 2
    A_ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    A_RELEASE_RQ = 5
    A_RELEASE_RP = 6
    A_ABORT = 7


class AbortReason(IntEnum):
    """Why the service provider aborts."""

    NOT_SPECIFIED = 0
    UNEXPECTED_PDU = 2
    INVALID_PARAMETER_VALUE = 6


class RefusedPDUError(PermanentError):
    """A PDU that is not read; the message says why in words that are the same for all of its kind."""

    def __init__(self, reason: str, abort_reason: AbortReason, received: int) -> None:
        super().__init__(reason)
        self.abort_reason = abort_reason
        self.received = received


class ConnectionEndedError(PermanentError):
    """The peer closed the connection before a PDU was whole."""


class IncomingPDU:
    """The bytes of one PDU as they come, and then of the next in the same memory.

    Parameters
    ----------
    max_bytes
        Longest length that its header may state.
    expected
        Which kinds may come.
    """

    def __init__(self, max_bytes: int, expected: Collection[PDUType] = tuple(PDUType)) -> None:
        self._buffer = bytearray(_FIRST_BYTES)
        self._max_bytes = max_bytes
        self._expected = expected
        self.begin()

    def begin(self) -> None:
        """Forget what came, and begin the next PDU."""
        self.size_bytes = 0
        self._end = HEADER_BYTES
        self._is_header_known = False

    @property
    def is_whole(self) -> bool:
        """Whether its last byte has come."""
        return self.size_bytes == self._end

    @property
    def data(self) -> memoryview:
        """What has come of it, in this object's memory; to be let go of before more is read."""
        return memoryview(self._buffer)[: self.size_bytes]

    def read_from(self, connection: socket.socket) -> None:
        """Take what has come of it, and nothing that comes after it.

        Parameters
        ----------
        connection
            Where from; read once, and waited for as its timeout says.

        Raises
        ------
        RefusedPDUError
            When it is too long, or of a kind that is not expected.
        ConnectionEndedError
            When no more will come.
        OSError
            As the connection raises it.
        """
        if self.size_bytes == len(self._buffer):  # no more than has come: a header states what it likes
            self._buffer.extend(bytes(min(self._end - self.size_bytes, self.size_bytes)))
        with memoryview(self._buffer) as memory:
            size_bytes = connection.recv_into(memory[self.size_bytes : self._end])
        if not size_bytes:
            raise ConnectionEndedError("the connection was closed within a PDU")
        self.size_bytes += size_bytes
        if self.is_whole and not self._is_header_known:
            self._is_header_known = True
            self._end += self._stated_bytes()

    def _stated_bytes(self) -> int:
        kind, length_bytes = self._buffer[0], int.from_bytes(self._buffer[2:HEADER_BYTES])
        if kind not in self._expected:
            raise RefusedPDUError("a PDU of an unexpected kind", AbortReason.UNEXPECTED_PDU, kind)
        if length_bytes > self._max_bytes:
            reason = f"a PDU longer than the {self._max_bytes} bytes allowed"
            raise RefusedPDUError(reason, AbortReason.INVALID_PARAMETER_VALUE, length_bytes)
        return length_bytes


def abort(reason: AbortReason) -> bytes:
    """Return an A-ABORT PDU of the service provider."""
    pdu = A_ABORT_RQ()
    pdu.source, pdu.reason_diagnostic = _BY_SERVICE_PROVIDER, int(reason)
    encoded: bytes = pdu.encode()
    return encoded
