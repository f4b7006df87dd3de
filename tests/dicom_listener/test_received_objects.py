"""Objects that are too long, and more of them at once than memory is meant for."""

import gc
import hashlib
import random
import struct

import pytest
from pydicom.uid import DigitalXRayImageStorageForPresentation, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from db.errors import SettingsError
from dicom_listener.memory import ReceiveMemory
from dicom_listener.received import MOST_IN_MEMORY_BYTES, ReceivedObject
from tests.conftest import CarpusEnvironment, forget_process_state
from tests.dicom_listener.conftest import Modality, Running, poll, registered
from tests.dicom_listener.peers import ACCEPT_TYPE, answer, connect, fragment, item, request, serving
from tests.dicom_listener.test_doors_limits import store_request
from tests.dicom_listener.test_process import listening
from tests.objects import hand_radiograph

DX_CONTEXT = item(0x10, b"1.2.840.10008.3.1.1.1")
DX_CONTEXT += item(
    0x20,
    b"\1\0\0\0"
    + item(0x30, DigitalXRayImageStorageForPresentation.encode())
    + item(0x40, ImplicitVRLittleEndian.encode()),
)
DX_CONTEXT += item(0x50, item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3"))


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


def test_an_object_without_room_in_memory_is_to_be_sent_again(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPUS_MAX_OBJECT_BYTES", str(2**19))
    forget_process_state()
    with serving(carpus_env, receive_memory_bytes=2**20) as listener:
        memory = listener.listener.server.memory
        assert memory.take("127.0.0.1", 2**17)  # as by another object of the same address
        large = hand_radiograph(PixelData=bytes(3 * 2**17))
        small = hand_radiograph(PixelData=bytes(2**16))
        association = listener.associate(small)
        assert association.send_c_store(large).Status == 0xA700
        for _ in range(8):
            assert association.send_c_store(small).Status == 0x0000
        memory.give_back("127.0.0.1", 2**17)
        assert association.send_c_store(large).Status == 0x0000
        association.release()


@pytest.mark.parametrize("memory_bytes", [2**20, 2**30 - 2])
def test_an_object_that_is_allowed_and_would_never_have_room_stops_the_start(
    carpus_env: CarpusEnvironment, memory_bytes: int
) -> None:
    refused = pytest.raises(SettingsError, match=r"CARPUS_RECEIVE_MEMORY_BYTES .* CARPUS_MAX_OBJECT_BYTES")
    with refused, serving(carpus_env, receive_memory_bytes=memory_bytes):
        pass


def test_what_a_cut_sender_left_is_free_again_at_once(listener: Running) -> None:
    memory = listener.listener.server.memory
    gc.disable()
    try:
        for _ in range(3):
            with connect(listener.port) as connection:
                connection.sendall(request(items=DX_CONTEXT))
                assert answer(connection)[0] == ACCEPT_TYPE
                command, _ = store_request(1, "1.2.3", b"").split(fragment(2, b""))
                connection.sendall(command)
                for _ in range(400):
                    connection.sendall(fragment(0, bytes(100_000)))
                poll(lambda: memory._taken_bytes["127.0.0.1"], lambda taken: taken == 40_000_000)
                assert len(list(listener.store.glob("incoming/*.part"))) == 1
            poll(lambda: dict(memory._taken_bytes), lambda taken: taken == {})
            assert list(listener.store.glob("incoming/*")) == []
    finally:
        gc.enable()


def test_a_long_object_is_kept_bit_for_bit(listener: Running) -> None:
    pixels = random.Random(1).randbytes(8 * MOST_IN_MEMORY_BYTES)
    data_set = hand_radiograph(PixelData=pixels)
    sent = encode(data_set, is_implicit_vr=False, is_little_endian=True)
    assert sent is not None
    assert listener.send(data_set) == 0x0000
    (row,) = registered(1)
    stored = listener.store / row.object_path
    assert stored.read_bytes().endswith(b"DICM" + stored.read_bytes()[132 : -len(sent)] + sent)
    assert row.sha256 == hashlib.sha256(sent).hexdigest()
    assert stored.stat().st_mode & 0o777 == 0o640
    assert listener.send(data_set) == 0x0000, "the same bytes again are linked to those that are there"
    poll(listener.inbox, lambda left: left == [])
    assert [path for path in listener.store.rglob("*") if path.is_file()] == [stored]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_long_object_under_a_hostile_uid_is_refused_and_leaves_nothing(listener: Running) -> None:
    data_set = encode(hand_radiograph(PixelData=bytes(2 * MOST_IN_MEMORY_BYTES)), False, True)
    assert listener.send_raw("../../x", data_set or b"") == 0xC000
    assert [path for path in listener.store.rglob("*") if path.is_file()] == []


def test_a_disk_that_is_full_in_the_middle_of_an_object_is_out_of_resources(carpus_env: CarpusEnvironment) -> None:
    with listening(file_size_bytes=4 * MOST_IN_MEMORY_BYTES) as (_, port):
        association = Modality(port).associate(hand_radiograph())
        large = hand_radiograph(PixelData=bytes(8 * MOST_IN_MEMORY_BYTES))
        assert association.send_c_store(large).Status == 0xA700
        assert [path for path in carpus_env.store.rglob("*") if path.is_file()] == []
        assert association.send_c_store(hand_radiograph()).Status == 0x0000
        association.release()
