"""A stranger's data set is parsed within bounds, whatever is in it."""

import io

import pytest
from pydicom.filereader import read_dataset

from db.bounded import Bounds, bounded, check_nesting, inflated, is_longer
from db.errors import RejectedRadiographError
from tests import bombs


def parsed(content: bytes, bounds: Bounds) -> int:
    """How many elements of a data set are parsed within bounds."""
    with bounded(io.BytesIO(content), bounds) as reader:
        data_set = read_dataset(reader, is_implicit_VR=False, is_little_endian=True)
    check_nesting(data_set, bounds)
    return len(data_set)


def test_as_many_elements_as_the_bound_are_parsed_and_many_more_are_not() -> None:
    assert parsed(bombs.many_elements(1_000), Bounds(elements=1_000)) == 1_000
    with pytest.raises(RejectedRadiographError, match=r"more than 1000 elements.* CARPUS_MAX_ELEMENTS"):
        parsed(bombs.many_elements(3_001), Bounds(elements=1_000))


def test_sequences_as_deep_as_the_bound_are_parsed_and_deeper_ones_are_not() -> None:
    assert parsed(bombs.nested(7), Bounds(nesting=7)) == 1
    with pytest.raises(RejectedRadiographError, match=r"nested more than 7 deep.* CARPUS_MAX_NESTING"):
        parsed(bombs.nested(8), Bounds(nesting=7))


def test_sequences_deeper_than_the_stack_are_rejected_for_it() -> None:
    with pytest.raises(RejectedRadiographError, match="nested more than 16 deep"):
        parsed(bombs.nested(1_000), Bounds())


def test_the_bound_is_told_even_where_the_parser_takes_it_for_the_end_of_its_data() -> None:
    items = bombs.element(0x0008, 0x1115, b"SQ", b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 20_000)
    undefined = items[:8] + b"\xff\xff\xff\xff" + items[12:]  # pydicom parses it at once, and raises OSError at its end
    with pytest.raises(RejectedRadiographError, match="more than 1000 elements"):
        parsed(undefined, Bounds(elements=1_000))


def test_a_length_of_4_gb_takes_no_more_than_there_is() -> None:
    with bounded(io.BytesIO(b"0123456789"), Bounds()) as reader:
        assert reader.read(0xFFFFFFFE) == b"0123456789"


def test_a_character_set_is_read_as_far_as_one_can_make_sense() -> None:
    content = bombs.element(0x0008, 0x0005, b"UN", b"\\" * 5_000) + bombs.element(0x0010, 0x0020, b"LO", b"P1")
    with bounded(io.BytesIO(content), Bounds()) as reader:
        assert reader.read(8)[:4] == b"\x08\x00\x05\x00"
        assert reader.read(4) == (5_000).to_bytes(4, "little")
        assert reader.read(5_000) == b"\\" * 1024
        assert reader.read(8)[:6] == b"\x10\x00\x20\x00LO"


def test_a_disk_that_fails_within_a_sequence_is_no_fault_of_the_object() -> None:
    class Failing(io.BytesIO):
        def readinto(self, *_: object) -> int:
            raise OSError(5, "Input/output error")

    with (
        pytest.raises(OSError, match="Input/output error") as raised,
        bounded(Failing(b"content"), Bounds()) as reader,
    ):
        try:
            reader.read(8)
        except OSError:
            raise OSError("No tag to read, as pydicom says for whatever happens there") from None
    assert raised.value.errno == 5


def test_inflating_goes_piece_by_piece() -> None:
    pieces = inflated(io.BufferedReader(io.BytesIO(bombs.deflated(bytes(2**30)))))  # type: ignore[arg-type]  as in bounded
    assert [len(next(pieces)) for _ in range(3)] == [2**20] * 3
    data = bytes(range(256)) * 20_000
    whole = io.BufferedReader(io.BytesIO(bombs.deflated(data)))  # type: ignore[arg-type]  as above
    assert b"".join(inflated(whole)) == data


def test_deflated_data_cut_off_are_told() -> None:
    cut_off = io.BufferedReader(io.BytesIO(bombs.deflated(bytes(range(256)) * 100)[:-9]))  # type: ignore[arg-type]  as above
    with pytest.raises(EOFError, match="cut off"):
        list(inflated(cut_off))


def test_the_length_of_a_value_is_known_before_it_is_converted() -> None:
    with bounded(io.BytesIO(bombs.many_numbers(70_000)), Bounds()) as reader:
        data_set = read_dataset(reader, is_implicit_VR=False, is_little_endian=True)
    assert is_longer(data_set, "WindowCenter", 69_999)
    assert not is_longer(data_set, "WindowCenter", 70_000)
    assert not is_longer(data_set, "WindowWidth", 0)
