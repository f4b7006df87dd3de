"""Structured damage to valid radiographs: what a broken or a hostile sender might make of one, as a strategy.

Elements are damaged before they are written, so that what comes after them is still found; then their bytes.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from pydicom import uid

from dicom_listener.serve import TRANSFER_SYNTAXES
from tests import bombs
from tests.fuzz.seeds import PIXEL_DATA, Element, Seed, seeds

ROWS, COLUMNS = 0x00280010, 0x00280011
_VRS = [
    *(b"AE", b"AS", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"OB", b"OF", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS"),
    *(b"ST", b"TM", b"UC", b"UI", b"UL", b"UN", b"US", b"UT", b"ZZ", b"\0\0"),
]
_LENGTHS = [0, 1, 2, 7, 8, 0xFE, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF]
_VALUES = [
    *(b"", b"\x00", b"\x00\x00", b"\xff\xff", b"\xff" * 4, b"0", b"1", b"-1 ", b"1e999", b"nan "),
    *(b"\\" * 64, b"9" * 4000),
]
_SIDES = [0, 1, 31, 32, 33, 255, 256, 1000, 3000, 65535]
_FRAGMENT_HEADER = struct.Struct("<HHL")


@dataclass(frozen=True)
class Case:
    """A damaged object: what comes before its data set, and the data set, deflated where the syntax says so."""

    seed: Seed
    meta: bytes
    data_set: bytes


@st.composite
def damaged(draw: DrawFn) -> Case:
    """Draw a radiograph with one to four kinds of damage."""
    seed = draw(st.sampled_from(seeds()))
    elements = list(seed.elements)
    kinds = _ELEMENTS if seed.frame is None else _ELEMENTS + _CODESTREAMS * 3
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=4)):
        kind(draw, seed, elements)
    data_set = _bytes_damaged(draw, seed.data_set(elements))
    if seed.syntax == uid.DeflatedExplicitVRLittleEndian:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data_set = _bytes_damaged(draw, deflater.compress(data_set) + deflater.flush())
    meta = seed.meta
    if draw(st.integers(0, 19)) == 0:
        other = draw(st.sampled_from(TRANSFER_SYNTAXES)).encode()
        meta = meta.replace(seed.syntax.encode(), other.ljust(len(seed.syntax), b"\0")[: len(seed.syntax)])
    elif draw(st.integers(0, 19)) == 0:
        meta = _bytes_damaged(draw, meta)
    return Case(seed, meta, data_set)


def _place(draw: DrawFn, elements: list[Element]) -> int:
    return draw(st.integers(0, max(len(elements) - 1, 0)))


def _length_lies(draw: DrawFn, _: Seed, elements: list[Element]) -> None:
    if elements:
        place = _place(draw, elements)
        near = len(elements[place].value) + draw(st.integers(-3, 3))
        elements[place] = replace(elements[place], stated_length=max(draw(st.sampled_from([near, *_LENGTHS])), 0))


def _other_vr(draw: DrawFn, _: Seed, elements: list[Element]) -> None:
    if elements:
        place = _place(draw, elements)
        elements[place] = replace(elements[place], vr=draw(st.sampled_from(_VRS)))


def _other_value(draw: DrawFn, _: Seed, elements: list[Element]) -> None:
    if elements:
        place = _place(draw, elements)
        value = draw(st.one_of(st.sampled_from(_VALUES), st.binary(max_size=12)))
        elements[place] = replace(elements[place], value=value)


def _other_tag(draw: DrawFn, _: Seed, elements: list[Element]) -> None:
    if elements:
        place = _place(draw, elements)
        others = [element.tag for element in elements] + [0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0x00080005, 0, 0x7FE00008]
        elements[place] = replace(elements[place], tag=draw(st.sampled_from(others)))


def _moved(draw: DrawFn, _: Seed, elements: list[Element]) -> None:
    if elements:
        element = elements.pop(_place(draw, elements))
        for _again in range(draw(st.integers(0, 3))):
            elements.insert(_place(draw, elements), element)


def _bomb(draw: DrawFn, _: Seed, elements: list[Element]) -> None:
    many = draw(st.sampled_from([1, 10, 17, 200, 5_000]))
    kind = draw(st.sampled_from([bombs.nested, bombs.nested_without_end, bombs.many_items, bombs.many_elements]))
    content = kind(many)
    # The element's own header is written anew, in the syntax's own form.
    elements.insert(_place(draw, elements), Element(0x00081115, b"SQ", content[12:], draw(st.sampled_from(_LENGTHS))))


def _fragments(draw: DrawFn, seed: Seed, elements: list[Element]) -> None:
    """Write the compressed image in other fragments, with a table of offsets that may lie and an end that may miss."""
    frame = _frame_of(seed, elements)
    cuts = sorted(draw(st.lists(st.integers(0, len(frame)), max_size=5)))
    pieces = [frame[start:end] for start, end in zip([0, *cuts], [*cuts, len(frame)], strict=True)]
    offsets = draw(st.lists(st.sampled_from([0, 8, 100, len(frame), *_LENGTHS]), max_size=3))
    table = b"".join(struct.pack("<L", offset) for offset in offsets)
    items = [_FRAGMENT_HEADER.pack(0xFFFE, 0xE000, len(piece)) + piece for piece in [table, *pieces]]
    delimiter = _FRAGMENT_HEADER.pack(0xFFFE, 0xE0DD, 0)
    end = draw(st.sampled_from([delimiter, delimiter[:-1] + b"\x09", b""]))
    value = b"".join(items) + end
    _put(elements, value, draw(st.sampled_from([0xFFFFFFFF, 0xFFFFFFFF, None])))


def _codestream_flipped(draw: DrawFn, seed: Seed, elements: list[Element]) -> None:
    frame = bytearray(_frame_of(seed, elements))
    header = min(len(frame) - 1, draw(st.sampled_from([60, 200, len(frame)])))
    for place, value in draw(st.lists(st.tuples(st.integers(2, max(header, 2)), _BYTE), min_size=1, max_size=6)):
        frame[place : place + 1] = bytes([value])
    _put_frame(elements, bytes(frame))


def _codestream_spliced(draw: DrawFn, seed: Seed, elements: list[Element]) -> None:
    """Take a piece out of the codestream, write it twice, or write another one's there."""
    frame, other = _frame_of(seed, elements), _frame_of(draw(st.sampled_from(_compressed())), [])
    start = draw(st.integers(0, len(frame)))
    end = min(start + draw(st.sampled_from([1, 2, 4, 20, 200])), len(frame))
    middle = draw(st.sampled_from([b"", frame[start:end] * 2, other[start:end], b"\xff\xd9", b"\xff\xd8", other]))
    _put_frame(elements, frame[:start] + middle + frame[end:])


def _resized(draw: DrawFn, seed: Seed, elements: list[Element]) -> None:
    """Claim another size, in the header and, where it is found, in the codestream alike: checks see nothing wrong."""
    rows, columns = (draw(st.sampled_from(_SIDES)) for _ in range(2))
    frame = _frame_of(seed, elements)
    old, wide = struct.pack(">HH", 70, 90), struct.pack(">LL", 90, 70)
    frame = frame.replace(old, struct.pack(">HH", rows, columns), 1).replace(wide, struct.pack(">LL", columns, rows))
    for place, element in enumerate(elements):
        if element.tag in {ROWS, COLUMNS}:
            side = rows if element.tag == ROWS else columns
            elements[place] = replace(element, value=struct.pack(f"{seed.order}H", side))
    _put_frame(elements, frame)


def _bytes_damaged(draw: DrawFn, content: bytes) -> bytes:
    kind = draw(st.sampled_from(["none", "none", "none", "flipped", "cut", "longer"]))
    if kind == "none" or not content:
        return content
    if kind == "cut":
        return content[: draw(st.integers(0, len(content)))]
    if kind == "longer":
        return content + draw(st.binary(max_size=40))
    flipped = bytearray(content)
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(content) - 1), _BYTE), max_size=8)):
        flipped[place] = value
    return bytes(flipped)


def _frame_of(seed: Seed, elements: list[Element]) -> bytes:
    """Return the compressed image as damaged so far, the original where it is no longer found."""
    for element in elements:
        if element.tag == PIXEL_DATA and len(element.value) > 16:
            return element.value[16:-8]
    return seed.frame or b""


def _put_frame(elements: list[Element], frame: bytes) -> None:
    frame += b"\x00" * (len(frame) % 2)
    items = _FRAGMENT_HEADER.pack(0xFFFE, 0xE000, 0) + _FRAGMENT_HEADER.pack(0xFFFE, 0xE000, len(frame)) + frame
    _put(elements, items + _FRAGMENT_HEADER.pack(0xFFFE, 0xE0DD, 0), 0xFFFFFFFF)


def _put(elements: list[Element], value: bytes, stated_length: int | None) -> None:
    for place, element in enumerate(elements):
        if element.tag == PIXEL_DATA:
            elements[place] = replace(element, value=value, stated_length=stated_length)


def _compressed() -> list[Seed]:
    return [seed for seed in seeds() if seed.frame is not None]


_BYTE = st.one_of(st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF]), st.integers(0, 255))
_Kind = Callable[[DrawFn, Seed, list[Element]], None]
_ELEMENTS: list[_Kind] = [_length_lies, _other_vr, _other_value, _other_tag, _moved, _bomb]
_CODESTREAMS: list[_Kind] = [_fragments, _codestream_flipped, _codestream_spliced, _resized]
