"""TLS before a server that has none itself, by a proxy in front of it: for the tests of Redis and PostgreSQL."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from carpus.ports import LOOPBACK

# What a PostgreSQL client asks first, in plain text, and the answer that lets it shake hands.
_SSL_REQUEST, _WILLING = bytes.fromhex("0000000804d2162f"), b"S"


@contextmanager
def tls_front(server_port: int, context: ssl.SSLContext, *, is_postgres: bool = False) -> Iterator[int]:
    """Serve TLS on a port that is yielded, and pass what comes on to a server on this machine."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        threading.Thread(target=_accept, args=(listening, server_port, context, is_postgres), daemon=True).start()
        yield listening.getsockname()[1]


def _accept(listening: socket.socket, server_port: int, context: ssl.SSLContext, is_postgres: bool) -> None:
    with suppress(OSError):  # the test is over
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_serve, args=(client, server_port, context, is_postgres), daemon=True).start()


def _serve(plain: socket.socket, server_port: int, context: ssl.SSLContext, is_postgres: bool) -> None:
    with suppress(OSError), plain, socket.create_connection((LOOPBACK, server_port)) as server:
        if is_postgres:
            if plain.recv(len(_SSL_REQUEST)) != _SSL_REQUEST:
                return
            plain.sendall(_WILLING)
        with context.wrap_socket(plain, server_side=True) as client:
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
