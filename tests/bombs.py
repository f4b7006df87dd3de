"""Objects made to take all time or memory of whoever parses them: as Explicit VR Little Endian unless named otherwise.

Each is the part of a data set that goes before the elements of a radiograph, or a whole element, as bytes.
"""

import struct
import zlib

UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = (
    struct.pack("<HHL", 0xFFFE, element, length) for element, length in ((0xE000, UNDEFINED), (0xE00D, 0), (0xE0DD, 0))
)


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """Return an element; its length is the value's unless it shall lie."""
    stated = len(value) if length is None else length
    if vr in {b"OB", b"OW", b"SQ", b"UN", b"UT"}:
        return struct.pack("<HH2s2xL", group, number, vr, stated) + value
    return struct.pack("<HH2sH", group, number, vr, stated) + value


def many_elements(count: int) -> bytes:
    """Return elements of group 0009, private and empty, some of them twice: what counts is how often one is read."""
    return b"".join(element(0x0009, 0x1000 + number % 0xE000, b"LO", b"") for number in range(count))


def nested(depth: int) -> bytes:
    """Return sequences of undefined length within each other, as pydicom parses them at once."""
    begin = element(0x0008, 0x1115, b"SQ", _ITEM, UNDEFINED)
    return begin * depth + (_ITEM_END + _SEQUENCE_END) * depth


def nested_without_end(depth: int) -> bytes:
    return element(0x0008, 0x1115, b"SQ", _ITEM, UNDEFINED) * depth


def many_items(count: int) -> bytes:
    """Return a VOI LUT Sequence of stated length with empty items, as pydicom parses them once asked for."""
    return element(0x0028, 0x3010, b"SQ", struct.pack("<HHL", 0xFFFE, 0xE000, 0) * count)


def huge_length() -> bytes:
    """Return a value of 4 GB that is not there."""
    return element(0x0009, 0x1001, b"UN", b"\x00" * 10, 0xFFFFFFFE)


def many_character_sets(size_bytes: int) -> bytes:
    return element(0x0008, 0x0005, b"UN", b"\\" * size_bytes)


def many_numbers(size_bytes: int) -> bytes:
    """Return a Window Center of very many values, as an unknown VR lets it have."""
    return element(0x0028, 0x1050, b"UN", b"1\\" * (size_bytes // 2))


def deflated(data_set: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data_set) + deflater.flush()


DATA_SETS = {
    "200,000 elements": lambda: many_elements(200_000),
    "nested 1,000 deep": lambda: nested(1_000),
    "nested 20 deep": lambda: nested(20),
    "nested 100,000 deep without end": lambda: nested_without_end(100_000),
    "a length of 4 GB": huge_length,
    "a character set of 20 MB": lambda: many_character_sets(20 * 2**20),
    "a window of 20 MB": lambda: many_numbers(20 * 2**20),
    "a million items": lambda: many_items(1_000_000),
}
