"""A stranger's data set, parsed within bounds: by the listener for its header, by the worker before its pixels.

pydicom parses whatever is there: a million elements, sequences within sequences until Python's stack ends, a value of
4 GB that is not in the file, a character set of a million names. It reads all of it through one file, so that is where
it can be bounded, whatever it makes of the bytes: a second parser before it would only see what it understands itself.
"""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from db.errors import RejectedRadiographError

_HEADER_BYTES: Final = 8  # of an element or an item: tag, VR and length; the last part of some lengths comes after it
_READS_AN_ELEMENT: Final = 3  # at most: header, rest of the length, and a value as short as a header
_CHARACTER_SET_TAGS: Final = (b"\x08\x00\x05\x00", b"\x00\x08\x00\x05")  # (0008,0005) in either byte order
_CHARACTER_SET_BYTES: Final = 1024  # seven names are more than any object has; pydicom looks up each of a million
INFLATED_PIECE_BYTES: Final = 2**20


@dataclass(frozen=True)
class Bounds:
    """How much of a data set is parsed.

    Attributes
    ----------
    elements
        With items, and with what is in sequences. A radiograph has some hundreds; pydicom takes up to 2 kB for each.
    nesting
        Sequences within sequences. A radiograph has three or four levels.
    """

    elements: int = 20_000
    nesting: int = 16


class BoundedReader(io.BufferedReader):
    """A file of which no more small pieces are read than a bounded number of elements has; then it seems to end.

    It seems to end, rather than raise, because pydicom catches everything at some of the places where it reads.

    Parameters
    ----------
    raw
        The file; its name is kept.
    elements
        The bound.
    """

    def __init__(self, raw: io.FileIO | io.BytesIO, elements: int) -> None:
        super().__init__(cast(io.RawIOBase, raw))  # BytesIO has all of one that is asked for
        self._size_bytes = self.seek(0, io.SEEK_END)
        self.seek(0)
        self._reads_left = elements * _READS_AN_ELEMENT
        self._is_character_set = False
        self.failure: OSError | None = None

    @property
    def is_exceeded(self) -> bool:
        """Whether more was asked for than the bound allows."""
        return self._reads_left < 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does, within the bound; a character set only as far as one can make sense."""
        if size is None or not 0 <= size <= _HEADER_BYTES:
            return self._read_value(size)
        self._reads_left -= 1
        if self.is_exceeded:
            return b""
        read = self._read(size)
        if size == _HEADER_BYTES:
            self._is_character_set = read[:4] in _CHARACTER_SET_TAGS
        return read

    def _read_value(self, size: int | None) -> bytes:
        if self.is_exceeded:
            return b""
        left_bytes = max(self._size_bytes - self.tell(), 0)  # a length of 4 GB would be allocated before it is read
        size_bytes = left_bytes if size is None or size < 0 else min(size, left_bytes)
        if not self._is_character_set or size_bytes <= _CHARACTER_SET_BYTES:
            return self._read(size_bytes)
        names = self._read(_CHARACTER_SET_BYTES)
        self.seek(size_bytes - len(names), io.SEEK_CUR)
        return names

    def _read(self, size_bytes: int) -> bytes:
        try:
            return super().read(size_bytes)
        except OSError as error:
            self.failure = error
            raise


@contextmanager
def bounded(raw: io.FileIO | io.BytesIO, bounds: Bounds) -> Iterator[BoundedReader]:
    """Let a data set be parsed from a file within bounds.

    Parameters
    ----------
    raw
        The file; closed at the end.
    bounds
        The bounds; nesting is checked by :func:`check_nesting` afterwards.

    Raises
    ------
    RejectedRadiographError
        When the data set goes beyond them, whatever the parser made of it.
    OSError
        When the file could not be read from disk, also where the parser took that for an end of the data.
    """
    with BoundedReader(raw, bounds.elements) as reader:
        try:
            yield reader
        except Exception as error:
            if _is_end_of_stack(error):
                raise _too_deep(bounds.nesting) from error
            raise
        finally:
            if reader.failure is not None:
                raise reader.failure
            if reader.is_exceeded:
                raise RejectedRadiographError(
                    f"The data set has more than {bounds.elements} elements, those in sequences among them; expected a "
                    "radiograph's, which has some hundreds. Send the original, or let the operator raise "
                    "CARPUS_MAX_ELEMENTS."
                )


def check_nesting(data_set: Dataset, bounds: Bounds) -> None:
    """Check how deep the sequences are that have been parsed; one that is still bytes is parsed, if ever, by itself.

    Raises
    ------
    RejectedRadiographError
        When they are nested deeper than the bounds allow.
    """
    level, depth = [data_set], 0
    while level := [item for parsed in level for sequence in _sequences(parsed) for item in sequence]:
        depth += 1
        if depth > bounds.nesting:
            raise _too_deep(bounds.nesting)


def is_longer(data_set: Dataset, keyword: str, than_bytes: int) -> bool:
    """Return whether an element's value is still unread or unconverted and longer than a number of bytes.

    A VR has its longest value, but an implicit or unknown one lets any element be 4 GB, and converting a list of a
    hundred million numbers takes all memory.
    """
    element: object = data_set.get_item(keyword, keep_deferred=True) if keyword in data_set else None
    return isinstance(element, RawDataElement) and element.length > than_bytes


def inflated(file: io.BufferedIOBase) -> Iterator[bytes]:
    """Yield the rest of a file inflated, in pieces of at most 1 MB: 1 MB can hold 1 GB.

    Raises
    ------
    zlib.error
        When it is not deflated data.
    EOFError
        When they are cut off.

    References
    ----------
    DICOM PS3.5 A.5: deflate without zlib's header.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    deflated = file.read(INFLATED_PIECE_BYTES)
    while not inflater.eof:
        piece = inflater.decompress(deflated, INFLATED_PIECE_BYTES)
        yield piece
        deflated = inflater.unconsumed_tail or file.read(INFLATED_PIECE_BYTES)
        if not (piece or deflated or inflater.eof):
            raise EOFError("the deflated data are cut off")


def _sequences(data_set: Dataset) -> list[Sequence]:
    # Not by elements(), which would read what was left in the file.
    elements = (data_set.get_item(tag, keep_deferred=True) for tag in data_set.keys())  # noqa: SIM118  a Dataset iterates over values
    found = (element.value for element in elements if isinstance(element, DataElement))
    return [value for value in found if isinstance(value, Sequence)]


def _is_end_of_stack(error: BaseException | None) -> bool:
    """Return whether Python's stack ended, also where pydicom took that for an end of the data."""
    while error is not None and not isinstance(error, RecursionError):
        error = error.__context__
    return error is not None


def _too_deep(nesting: int) -> RejectedRadiographError:
    return RejectedRadiographError(
        f"The data set has sequences nested more than {nesting} deep; expected a radiograph's, which has three or four "
        "levels. Send the original, or let the operator raise CARPUS_MAX_NESTING."
    )
