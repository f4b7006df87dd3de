"""What each process of a listener serves, told to the others in memory that they share.

Used by :mod:`connections`, so that the caps on associations hold over all processes together, and so that the process
that has least to do takes the next connection. What a process says of itself is at most as old as its last look, some
hundredths of a second: a place may be free a moment before another process gives it away, never the other way round.
"""

import ctypes
import fcntl
import mmap
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

_NOT_SERVING = -1
_ORIGIN_BYTES = 16
# For another process to take a connection: more than it needs for that, and little to whoever connects.
_PRECEDENCE_SECONDS = 0.01


class _Process(ctypes.Structure):
    """What one process says; its origins follow behind all of these."""

    _fields_ = (("waiting", ctypes.c_int32), ("associations", ctypes.c_int32))


class Places:
    """The associations of all processes. Made before they are forked; each then asks by its own number.

    Parameters
    ----------
    processes
        How many there are.
    most
        Associations that one process may have.
    """

    def __init__(self, processes: int, most: int) -> None:
        self._most = most
        self._descriptor = os.memfd_create("places")
        behind = processes * ctypes.sizeof(_Process)
        os.ftruncate(self._descriptor, behind + processes * most * _ORIGIN_BYTES)
        self._memory = mmap.mmap(self._descriptor, 0)
        self._processes = (_Process * processes).from_buffer(self._memory)
        self._origins = (ctypes.c_char * _ORIGIN_BYTES * most * processes).from_buffer(self._memory, behind)
        for number in range(processes):
            self.leave(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the other processes from taking places; one that dies lets go."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def tell(self, number: int, waiting: int, origins: Sequence[str]) -> None:
        """Say what a process has.

        Parameters
        ----------
        number
            The process.
        waiting
            Connections that have asked for no association yet.
        origins
            The address of each association, as :func:`doors.origin` gives it.
        """
        said = self._processes[number]
        for place, origin in enumerate(origins[: self._most]):
            ctypes.memmove(self._origins[number][place], packed(origin), _ORIGIN_BYTES)
        said.waiting, said.associations = waiting, min(len(origins), self._most)

    def leave(self, number: int) -> None:
        """Say that a process serves nobody, and will not."""
        self._processes[number].waiting, self._processes[number].associations = _NOT_SERVING, 0

    def others(self, number: int) -> list[bytes]:
        """Return the addresses of the other processes' associations, as :func:`packed` has them."""
        return [
            self._origins[other][place].raw
            for other, said in enumerate(self._processes)
            if other != number
            for place in range(said.associations)
        ]

    def is_another_freer(self, number: int, connections: int) -> bool:
        """Whether another process has fewer connections than this one, waiting or served."""
        return any(
            said.waiting != _NOT_SERVING and said.waiting + said.associations < connections
            for other, said in enumerate(self._processes)
            if other != number
        )


@dataclass(frozen=True)
class Share:
    """What a process of a listener has in common with the others.

    Parameters
    ----------
    number
        This process's, from 0.
    socket
        Where all of them listen.
    places
        What all of them serve.
    """

    number: int
    socket: socket.socket
    places: Places

    def held(self) -> AbstractContextManager[None]:
        """Keep the others from taking places."""
        return self.places.held()

    def tell(self, waiting: int, origins: Sequence[str]) -> None:
        """Say what this process has, as :meth:`Places.tell` does."""
        self.places.tell(self.number, waiting, origins)

    def others(self) -> list[bytes]:
        """Return the addresses of the others' associations."""
        return self.places.others(self.number)

    def give_precedence(self, connections: int) -> None:
        """Let a process that has less to do take the connection that has come, if it is about to.

        Parameters
        ----------
        connections
            How many this one has.
        """
        if self.places.is_another_freer(self.number, connections):
            time.sleep(_PRECEDENCE_SECONDS)


def packed(origin: str) -> bytes:
    """Return an address as sixteen bytes."""
    address = ip_address(origin)
    return (address if isinstance(address, IPv6Address) else IPv6Address(f"::ffff:{address}")).packed
