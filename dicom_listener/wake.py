"""How one thread of an association wakes the other: pynetdicom's look for work a thousand times a second each.

With many associations that alone keeps the interpreter busy, and each message waits for up to three such looks.
"""

import os
import queue
import select
import socket
from contextlib import suppress
from typing import Any

# How long a thread waits before it looks whether it is to end, and what its timers say.
PATIENCE_SECONDS = 0.05


class Wake:
    """Something to wait for beside a connection."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def up(self) -> None:
        """Let whoever waits, or waits next, go on."""
        os.eventfd_write(self._descriptor, 1)

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
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        number = -1 if connection is None else connection.fileno()
        if number >= 0:
            waiting.register(number, select.POLLIN)
        found = {descriptor for descriptor, _ in waiting.poll(PATIENCE_SECONDS * 1000)}
        if self._descriptor in found:
            with suppress(BlockingIOError):
                os.eventfd_read(self._descriptor)
        return number in found

    def __del__(self) -> None:
        os.close(self._descriptor)


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
