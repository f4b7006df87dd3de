"""A front before a server: connections that are refused, hang, or are cut in the middle, as the test wants."""

import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from carpus.ports import LOOPBACK, free_port

_PIECE_BYTES = 4096
_POLL_SECONDS = 0.05
# So little waits in the kernel that whoever sends to one that does not read notices it soon.
_BUFFER_BYTES = 4096
_RESET = struct.pack("ii", 1, 0)


class Front:
    """Takes connections on a port of its own and passes on what comes, in both directions.

    Parameters
    ----------
    server_port
        Of the server behind it, on this machine.

    Attributes
    ----------
    port
        Its own.
    cuts_after_bytes
        The next connections are reset after so much of what the client sent, one each.
    """

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self.cuts_after_bytes: list[int] = []
        self._server_port = server_port
        self._hang: tuple[int, bytes] | None = None
        self._listening: socket.socket
        self._connections: set[socket.socket] = set()

    @contextmanager
    def there(self) -> Iterator["Front"]:
        """Take connections while the block runs."""
        self._open()
        try:
            yield self
        finally:
            self._close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Refuse connections while the block runs, and end those there are."""
        self._close()
        try:
            yield
        finally:
            self._open()

    @contextmanager
    def hanging(self, after_bytes: int = 0, last_words: bytes = b"") -> Iterator[None]:
        """Take connections, and neither read nor answer while the block runs; then all goes on.

        Parameters
        ----------
        after_bytes
            Each connection hangs only once the client sent so much.
        last_words
            What the client gets then.
        """
        self._hang = after_bytes, last_words
        try:
            yield
        finally:
            self._hang = None

    def _open(self) -> None:
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._listening.bind((LOOPBACK, self.port))
        self._listening.listen()
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def _close(self) -> None:
        for open_socket in (self._listening, *self._connections):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)  # closed alone, it would let another thread wait on
        self._listening.close()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):  # it is closed
            while True:
                client, _ = listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection((LOOPBACK, self._server_port)) as server:
            self._connections.add(client)
            try:
                self._pass_on(client, server)
            finally:
                self._connections.discard(client)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        passed_bytes = 0
        cut_after_bytes = self.cuts_after_bytes.pop(0) if self.cuts_after_bytes else None
        while cut_after_bytes is None or passed_bytes < cut_after_bytes:
            self._hang_if_wanted(client, passed_bytes)
            for source in select.select([client, server], [], [], _POLL_SECONDS)[0]:
                if not (data := source.recv(_PIECE_BYTES)):
                    return
                (server if source is client else client).sendall(data)
                passed_bytes += len(data) if source is client else 0
        for end in (client, server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _hang_if_wanted(self, client: socket.socket, passed_bytes: int) -> None:
        is_silent = False
        while (hang := self._hang) and passed_bytes >= hang[0]:
            if not is_silent:
                client.sendall(hang[1])
            is_silent = True
            time.sleep(_POLL_SECONDS)
