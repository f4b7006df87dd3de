"""Chooses free ports for a stack that is to be in nobody's way, and says which of the usual ones is taken."""

import random
import socket
from pathlib import Path

from db.errors import TransientError

LOOPBACK = "127.0.0.1"
_FIRST = 15_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 1_000


class PortTakenError(TransientError):
    """Another process listens on a port that Carpus needs."""


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Return whether a server could listen on a port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closed connection lingers
        try:
            listener.bind((host, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a free port below the range from which the kernel takes the near end of outgoing connections.

    A port of that range may be taken by any connection while its server is down, even by a client that tries to reach
    that very server, so that the server could not come back to it.

    Raises
    ------
    PortTakenError
        When none was found.
    """
    end = int(_EPHEMERAL.read_text().split()[0])
    for port in random.sample(range(_FIRST, end), k=min(_TRIES, end - _FIRST)):
        if is_free(port):
            return port
    raise PortTakenError(f"no free port found between {_FIRST} and {end} on {LOOPBACK}")


def require_free(port: int, purpose: str, variable: str, host: str = LOOPBACK) -> None:
    """Make sure that a port can be listened on.

    Parameters
    ----------
    port
        The port.
    purpose
        What it is for, in the operator's words.
    variable
        The setting that moves it.
    host
        The address to listen on.

    Raises
    ------
    PortTakenError
        Naming the port and the setting.
    """
    if not is_free(port, host):
        raise PortTakenError(f"port {port} ({purpose}) is taken by another program; choose another by {variable}")
