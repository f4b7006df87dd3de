"""Objects that are too long, and more of them at once than memory is meant for."""

import pytest

from dicom_listener.memory import ReceiveMemory
from dicom_listener.messages import ReceivedObject
from tests.conftest import CarpusEnvironment, forget_process_state
from tests.dicom_listener.conftest import registered
from tests.dicom_listener.peers import serving
from tests.objects import hand_radiograph


def test_an_object_that_is_too_long_is_refused_and_the_next_one_stored(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPUS_MAX_OBJECT_BYTES", "65536")
    forget_process_state()
    with serving(carpus_env) as listener:
        small = hand_radiograph()
        association = listener.associate(small)
        refusal = association.send_c_store(hand_radiograph(PixelData=bytes(100_000)))
        assert (refusal.Status, refusal.ErrorComment) == (0xC000, "longer than CARPUS_MAX_OBJECT_BYTES, 65536")
        assert association.send_c_store(small).Status == 0x0000
        association.release()
        (row,) = registered(1)
        assert row.sop_instance_uid == small.SOPInstanceUID


def test_of_an_object_that_is_too_long_nothing_is_kept() -> None:
    memory = ReceiveMemory(20)
    received = ReceivedObject(10, memory, "10.0.0.1")
    received.write(b"12345")
    received.write(b"67890")
    assert (received.getvalue(), received.refusal) == (b"1234567890", None)
    for _ in range(3):
        received.write(b"1")
        assert received.getvalue() == b""
        assert "longer than CARPUS_MAX_OBJECT_BYTES, 10" in str(received.refusal)
    assert memory.take("10.0.0.1", 10)


def test_one_address_cannot_take_all_memory_and_what_is_let_go_of_is_free_again() -> None:
    memory = ReceiveMemory(20)
    first, second = (ReceivedObject(100, memory, "10.0.0.1") for _ in range(2))
    first.write(bytes(6))
    second.write(bytes(5))
    assert (first.refusal, str(second.refusal)) == (None, "too much is being received at once, try again later")
    others = [ReceivedObject(100, memory, f"10.0.0.{number}") for number in (2, 3)]
    for other in others:
        other.write(bytes(7))
        other.write(bytes(1))
    assert [other.refusal is None for other in others] == [True, False]
    del first
    third = ReceivedObject(100, memory, "10.0.0.1")
    third.write(bytes(10))
    assert third.refusal is None


def test_an_object_without_room_in_memory_is_to_be_sent_again(carpus_env: CarpusEnvironment) -> None:
    with serving(carpus_env, receive_memory_bytes=2**20) as listener:
        large = hand_radiograph(PixelData=bytes(2**19))
        small = hand_radiograph(PixelData=bytes(2**17))
        association = listener.associate(small)
        assert association.send_c_store(large).Status == 0xA700
        for _ in range(8):
            assert association.send_c_store(small).Status == 0x0000
        association.release()
