"""How one thread of an association wakes the other: pynetdicom's look for work a thousand times a second each.

With many associations that alone keeps the interpreter busy, and each message waits for up to three such looks.
"""

import os
import queue
import select
import socket
import threading
from contextlib import suppress
from typing import Any

# How long a thread waits before it looks whether it is to end, and what its timers say.
PATIENCE_SECONDS = 0.05
_CLOSED = -1


class Wake:
    """Something to wait for beside a connection."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()  # for once it is closed, another may have a descriptor of this number

    def up(self) -> None:
        """Let whoever waits, or waits next, go on; nobody does once it is closed."""
        with self._lock:
            if self._descriptor != _CLOSED:
                os.eventfd_write(self._descriptor, 1)

    def close(self) -> None:
        """Give the descriptor back, for Python's cycle collector may come late."""
        with self._lock:
            if self._descriptor != _CLOSED:
                os.close(self._descriptor)
            self._descriptor = _CLOSED

    def wait(self, connection: socket.socket | None) -> bool:
        """Wait for a moment.

        Parameters
        ----------
        connection
            What else to wait for; None for nothing.

        Returns
        -------
        bool
            Whether there is something to be read from the connection.
        """
        own, waiting = self._descriptor, select.poll()
        if own != _CLOSED:
            waiting.register(own, select.POLLIN)
        number = -1 if connection is None else connection.fileno()
        if number >= 0:
            waiting.register(number, select.POLLIN)
        found = {descriptor for descriptor, _ in waiting.poll(PATIENCE_SECONDS * 1000)}
        with self._lock:
            if own in found and own == self._descriptor:
                with suppress(BlockingIOError):
                    os.eventfd_read(own)
        return number in found

    def __del__(self) -> None:
        self.close()


class WakingQueue(queue.Queue[Any]):
    """A queue that wakes whoever does not wait for it alone.

    Parameters
    ----------
    wake
        By what.
    """

    def __init__(self, wake: Wake) -> None:
        super().__init__()
        self._wake = wake

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item into the queue."""
        super().put(item, block, timeout)
        self._wake.up()
