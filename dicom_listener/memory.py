"""How much room the objects that are being received take together, and how much of it one address may have.

Used by :mod:`messages`. Each association may hold an object that is being stored and one that is coming; the longest
allowed, so many times at once, would be more than the disk has room for. Of what is to be stored only the beginning is
held in memory.
"""

import threading
from collections import Counter

from db.errors import SettingsError


def check_room(memory_bytes: int, max_object_bytes: int, processes: int) -> None:
    """Check that the longest object allowed can be received: else its sender would be told to try again for ever.

    Parameters
    ----------
    memory_bytes
        The room in all.
    max_object_bytes
        The longest object allowed.
    processes
        Among which the room is divided.

    Raises
    ------
    SettingsError
        Naming both settings.
    """
    if memory_bytes // processes // 2 < max_object_bytes:
        raise SettingsError(
            f"CARPUS_RECEIVE_MEMORY_BYTES is {memory_bytes}, divided among {processes} processes, and one address has "
            f"half, but one object may have {max_object_bytes}: set it to {2 * max_object_bytes * processes} at least, "
            "or CARPUS_LISTENER_PROCESSES or CARPUS_MAX_OBJECT_BYTES to less"
        )


class ReceiveMemory:
    """The room for objects that are being received.

    Parameters
    ----------
    max_bytes
        For all of them. One address has half of it at most, so that it cannot take the other senders' part.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._taken_bytes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, origin: str, size_bytes: int) -> bool:
        """Take so much for an address's object; return whether there was room for it."""
        with self._lock:
            is_room = (
                self._taken_bytes.total() + size_bytes <= self._max_bytes
                and self._taken_bytes[origin] + size_bytes <= self._max_bytes // 2
            )
            if is_room:
                self._taken_bytes[origin] += size_bytes
            return is_room

    def give_back(self, origin: str, size_bytes: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._taken_bytes[origin] -= size_bytes
            if not self._taken_bytes[origin]:
                del self._taken_bytes[origin]
