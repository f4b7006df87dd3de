"""Chooses free ports for a stack that is to be in nobody's way, and says which of the usual ones is taken."""

import errno
import random
import socket
from dataclasses import dataclass
from pathlib import Path

from db.errors import PermanentError, TransientError

LOOPBACK = "127.0.0.1"
_FIRST = 15_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 1_000


class PortTakenError(TransientError):
    """Another process listens on a port that Carpus needs."""


class UnusableAddressError(PermanentError):
    """Nobody could listen there: the address is not this machine's, or the port is root's."""


@dataclass(frozen=True)
class Wanted:
    """Where a part of the stack is to listen: what for, and the setting that moves the port."""

    port: int
    purpose: str
    variable: str
    host: str = LOOPBACK

    @property
    def is_free(self) -> bool:
        """Whether a server could listen there; raises as :func:`is_free`."""
        return is_free(self.port, self.host)

    def require_free(self) -> None:
        """Make sure that a server could listen there.

        Raises
        ------
        PortTakenError
            Naming the port and the setting.
        UnusableAddressError
            When no server could ever.
        """
        if not self.is_free:
            raise PortTakenError(
                f"port {self.port} ({self.purpose}) is taken by another program; choose another by {self.variable}"
            )


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Return whether a server could listen on a port of an address, which ``0.0.0.0`` stands for all of.

    Raises
    ------
    UnusableAddressError
        When no server could ever; with what is wrong and the setting.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closed connection lingers
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            # Of the addresses only the listener's can be chosen; the others are loopback.
            cure = "take one from 1024 on" if error.errno == errno.EACCES else "correct CARPUS_LISTENER_HOST"
            raise UnusableAddressError(f"cannot listen on {host}, port {port} ({error.strerror}): {cure}") from error
        return True


def free_port(host: str = LOOPBACK) -> int:
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
        if is_free(port, host):
            return port
    raise PortTakenError(f"no free port found between {_FIRST} and {end} on {host}")
