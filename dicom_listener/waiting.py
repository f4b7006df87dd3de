"""A connection that has not asked for an association yet: TLS and the association request, without ever waiting.

Before :mod:`wire`. Whoever is silent, slow or half through a handshake is one of these: a descriptor and as many bytes
as it has sent, but no thread.
"""

import socket
import ssl
import time
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE

from pynetdicom.pdu import A_ASSOCIATE_RJ

from dicom_listener import doors
from dicom_listener.incoming import IncomingPDU, PDUType

# PS3.8 table 9-21: rejected for now, by the service provider (presentation related), local limit exceeded.
_TRANSIENT, _BY_PRESENTATION, _LOCAL_LIMIT_EXCEEDED = 2, 3, 2


class Waiting:
    """One such connection.

    Parameters
    ----------
    connection
        As it was accepted; from now on not waited for.
    address
        The peer's, as the system gives it: host, port, and for IPv6 flow and scope.
    context
        For TLS; None for plain TCP.
    seconds
        Time until the association request must be whole.
    max_request_bytes
        Longest association request.

    Raises
    ------
    OSError
        When the peer has gone again.
    """

    def __init__(
        self,
        connection: socket.socket,
        address: tuple[str, int],
        context: ssl.SSLContext | None,
        seconds: float,
        max_request_bytes: int,
    ) -> None:
        self.address = address
        self.origin = doors.origin(address[0])
        self.deadline = time.monotonic() + seconds
        self.request = IncomingPDU(max_request_bytes, (PDUType.A_ASSOCIATE_RQ,))
        connection.setblocking(False)
        self.connection = connection
        if context is not None:
            self.connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._is_shaking_hands = context is not None

    def advance(self) -> int:
        """Go on as far as the bytes that have come allow.

        Returns
        -------
        int
            What to wait for, reading or writing; 0 once the association request is whole.

        Raises
        ------
        RefusedPDUError, ConnectionEndedError, OSError
            When it never will be.
        """
        try:
            if self._is_shaking_hands and isinstance(self.connection, ssl.SSLSocket):
                self.connection.do_handshake()
                self._is_shaking_hands = False
            while not self.request.is_whole:
                self.request.read_from(self.connection)
        except (BlockingIOError, ssl.SSLWantReadError):
            return EVENT_READ
        except ssl.SSLWantWriteError:
            return EVENT_WRITE
        return 0

    def close(self, last_words: bytes = b"") -> None:
        """Close the connection.

        Parameters
        ----------
        last_words
            A short PDU that the peer is told if that can be done at once.
        """
        with suppress(OSError):
            if last_words and not self._is_shaking_hands:
                self.connection.send(last_words)
            self.connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            self.connection.close()


def rejection() -> bytes:
    """Return the A-ASSOCIATE-RJ that says: too many at the moment, try again."""
    pdu = A_ASSOCIATE_RJ()
    pdu.result, pdu.source, pdu.reason_diagnostic = _TRANSIENT, _BY_PRESENTATION, _LOCAL_LIMIT_EXCEEDED
    encoded: bytes = pdu.encode()
    return encoded
