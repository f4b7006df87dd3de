"""Objects made to take all time or memory end in a reason, at once and in a process that stays small."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from tests import bombs
from tests.fuzz.batches import CONTEXT
from tests.fuzz.damage import Case
from tests.fuzz.judged import MOST_BYTES, judge, peak_bytes
from tests.fuzz.seeds import PIXEL_DATA, Element, Seed, seeds

DEADLINE_SECONDS = 60.0


_FRAGMENTS = b"\xfe\xff\x00\xe0\0\0\0\0"


def seed_of(syntax: str) -> Seed:
    return next(seed for seed in seeds() if seed.syntax == syntax)


def before_a_hand(bomb: bytes) -> bytes:
    plain = seed_of(ExplicitVRLittleEndian)
    return bomb + plain.data_set(list(plain.elements))


def after_a_hand(bomb: bytes) -> bytes:
    plain = seed_of(ExplicitVRLittleEndian)
    return plain.data_set(list(plain.elements)) + bomb


def as_pixel_data(syntax: str, vr: bytes, value: bytes, stated_length: int | None = None) -> bytes:
    seed = seed_of(syntax)
    others = [element for element in seed.elements if element.tag != PIXEL_DATA]
    return seed.data_set([*others, Element(PIXEL_DATA, vr, value, stated_length)])


# The transfer syntax of each, and how its data set is made.
BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    **{
        name: (ExplicitVRLittleEndian, lambda bomb=bomb: before_a_hand(bomb()))  # type: ignore[misc]
        for name, bomb in bombs.DATA_SETS.items()
    },
    "a window of 20 MB after a hand": (
        ExplicitVRLittleEndian,
        lambda: after_a_hand(bombs.many_numbers(20 * 2**20)),
    ),
    "deflated zeros": (DeflatedExplicitVRLittleEndian, lambda: bombs.deflated(bytes(300 * 2**20))),
    "a deflated value of 300 MB": (
        DeflatedExplicitVRLittleEndian,
        lambda: bombs.deflated(bombs.element(0x0009, 0x1001, b"UN", bytes(300 * 2**20))),
    ),
    "implicit nonsense of 50 MB": (ImplicitVRLittleEndian, lambda: bytes(50 * 2**20)),
    "pixel data that are a sequence": (
        ExplicitVRLittleEndian,
        lambda: as_pixel_data(ExplicitVRLittleEndian, b"SQ", _FRAGMENTS * 2_000_000),
    ),
    "pixel data that are texts": (
        ExplicitVRLittleEndian,
        lambda: as_pixel_data(ExplicitVRLittleEndian, b"UC", b"1\\" * 8_000_000),
    ),
    "2 million fragments": (
        RLELossless,
        lambda: as_pixel_data(RLELossless, b"OB", _FRAGMENTS * 2_000_000, bombs.UNDEFINED),
    ),
    "2 million fragments of stated length": (
        RLELossless,
        lambda: as_pixel_data(RLELossless, b"OB", _FRAGMENTS * 2_000_000),
    ),
}


def _judged(name: str, folder: Path, answer: Any) -> None:
    syntax, made = BOMBS[name]
    case = Case(seed_of(syntax), seed_of(syntax).meta, made())
    before = peak_bytes()
    answer.send((judge(case, folder), peak_bytes() - before))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_does_not_go_off(name: str, tmp_path: Path) -> None:
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_judged, args=(name, tmp_path, sender))
    process.start()
    sender.close()
    try:
        assert receiver.poll(DEADLINE_SECONDS), "no answer in time"
        ended, grown_bytes = receiver.recv()  # EOFError where the process has died, or an oracle's words on its stderr
    finally:
        process.kill()
        process.join()
    assert ended.startswith(("rejected", "radiograph"))
    assert grown_bytes < MOST_BYTES / 2
