"""A data set as it comes: kept within limits, in memory while it is short and in its file when it is to be stored.

Filled by :mod:`messages`, and handed to :mod:`receive`.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from dicom_listener.memory import ReceiveMemory
from dicom_listener.part import Part
from dicom_listener.statuses import NoMemoryForObjectError, RefusedObjectError

# A radiograph is far longer; what is shorter is written at once.
MOST_IN_MEMORY_BYTES = 2**18


class ReceivedObject(BytesIO):
    """A data set as it comes, thrown away once it is longer than allowed or there is no room for it.

    Parameters
    ----------
    max_bytes
        The most that is kept.
    memory
        What it is taken from, and given back to when nobody holds the object any more.
    origin
        The address that sends it.

    Attributes
    ----------
    refusal
        Why it was thrown away; None while it is kept.
    part
        The file that it is written to, if it is long; None while it is in memory.
    size_bytes
        How much of it is kept.
    """

    def __init__(self, max_bytes: int, memory: ReceiveMemory, origin: str) -> None:
        super().__init__()
        self.refusal: Exception | None = None
        self.part: Part | None = None
        self.size_bytes = 0
        self._max_bytes = max_bytes
        self._memory = memory
        self._origin = origin

    @property
    def is_long(self) -> bool:
        """Whether it should no longer be held in memory."""
        return self.part is None and self.size_bytes > MOST_IN_MEMORY_BYTES

    def move_to(self, begin: Callable[[], Part]) -> None:
        """Go on in a file.

        Parameters
        ----------
        begin
            Returns the file.
        """
        try:
            self.part = begin()
            with self.getbuffer() as held:
                self.part.write(held)
        except (RefusedObjectError, OSError) as error:
            self._throw_away(error)
        else:
            self._clear()

    def write(self, fragment: Any) -> int:
        """Append a fragment."""
        size_bytes = len(fragment)
        if self.refusal is None and self.size_bytes + size_bytes > self._max_bytes:
            self._throw_away(RefusedObjectError(f"longer than CARPUS_MAX_OBJECT_BYTES, {self._max_bytes}"))
        elif self.refusal is None and not self._memory.take(self._origin, size_bytes):
            self._throw_away(NoMemoryForObjectError("too much is being received at once, try again later"))
        if self.refusal is None:
            self.size_bytes += size_bytes
            self._append(fragment)
        return size_bytes

    def _append(self, fragment: Any) -> None:
        if self.part is None:
            super().write(fragment)
            return
        try:
            self.part.write(fragment)
        except OSError as error:  # such as a full disk: the sender is told when all has come
            self._throw_away(error)

    def _throw_away(self, refusal: Exception) -> None:
        self.refusal = refusal
        self._clear()
        self._give_back()

    def _clear(self) -> None:
        self.seek(0)
        self.truncate()

    def _give_back(self) -> None:
        if self.part is not None:
            self.part.discard()
        self._memory.give_back(self._origin, self.size_bytes)
        self.size_bytes = 0

    def __del__(self) -> None:
        self._give_back()
