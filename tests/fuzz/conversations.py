"""What a broken or a hostile peer may say to the listener: PDUs and DIMSE messages, damaged at every level.

Commands, fragments and PDUs are damaged before they are put into the next larger thing, so that what is around them is
still understood; then the order of the PDUs, and the bytes.
"""

import struct
from collections.abc import Callable
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_RQ, A_RELEASE_RP, A_RELEASE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    AsynchronousOperationsWindowNegotiation,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.sop_class import Verification

from tests.fuzz.damage import damaged
from tests.fuzz.seeds import Element, seeds

_ECHO_CONTEXT, _STORE_CONTEXT = 1, 3
_COMMAND, _DATA, _LAST = 1, 0, 2  # PS3.8 annex E.2: the message control header
_LENGTHS = [0, 1, 2, 5, 0xFF, 0xFFFF, 0x20000, 0x7FFFFFFF, 0xFFFFFFFF]
_COMMANDS = [0x0001, 0x8001, 0x0010, 0x0020, 0x0021, 0x0030, 0x8030, 0x0100, 0x0130, 0x0140, 0x0150, 0x0FFF, 0xFFFF]
_BYTE = st.one_of(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]), st.integers(0, 255))


@st.composite
def conversation(draw: DrawFn) -> list[bytes]:
    """Draw what a peer sends over one connection, as PDUs."""
    spoken = [_associate(draw)]
    for _ in range(draw(st.integers(0, 3))):
        spoken += draw(st.sampled_from(_MESSAGES))(draw)
    spoken += draw(st.sampled_from(_ENDS))
    for kind in draw(st.lists(st.sampled_from(_KINDS), max_size=2)):
        kind(draw, spoken)
    return spoken


@cache
def _associate_pdu(contexts: int, has_extras: bool) -> bytes:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "FUZZ", "CARPUS"
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16_384
    implementation.implementation_class_uid = "1.2.3"
    extras = []
    if has_extras:
        window, role, user = (
            AsynchronousOperationsWindowNegotiation(),
            SCP_SCU_RoleSelectionNegotiation(),
            UserIdentityNegotiation(),
        )
        window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 5
        role.sop_class_uid, role.scu_role, role.scp_role = Verification, True, True
        user.user_identity_type, user.primary_field = 1, b"somebody"
        extras = [window, role, user]
    primitive.user_information = [length, implementation, *extras]
    store = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
    wanted = [build_context(Verification), build_context(DigitalXRayImageStorageForPresentation, store)] * contexts
    for number, context in enumerate(wanted):
        context.context_id = 2 * number + 1
    primitive.presentation_context_definition_list = wanted
    return A_ASSOCIATE_RQ(primitive).encode()


def _associate(draw: DrawFn) -> bytes:
    pdu = _associate_pdu(draw(st.sampled_from([1, 1, 1, 20, 64])), draw(st.booleans()))
    if draw(st.integers(0, 3)):
        return pdu
    items = bytearray(pdu)
    for _ in range(draw(st.integers(1, 3))):  # its items begin after 74 bytes; their lengths are where bytes are 0
        place = draw(st.integers(74, len(items) - 1))
        items[place] = draw(_BYTE)
    return bytes(items)


def _echo(draw: DrawFn) -> list[bytes]:
    return _message(draw, _ECHO_CONTEXT, {0x0002: Verification.encode(), 0x0100: b"\x30\x00", 0x0800: b"\x01\x01"}, b"")


def _store(draw: DrawFn) -> list[bytes]:
    plain = seeds()[0]
    data_set = draw(damaged()).data_set if draw(st.booleans()) else plain.data_set(list(plain.elements))
    instance = draw(st.sampled_from([b"1.2.3.4", b"1.2.3.5", b"../../x", b"", b"1" * 64, b"1" * 300, b"\xff\x00"]))
    command = {
        0x0002: DigitalXRayImageStorageForPresentation.encode(),
        0x0100: b"\x01\x00",
        0x0700: b"\x02\x00",
        0x0800: b"\x00\x00",
        0x1000: instance,
    }
    return _message(draw, _STORE_CONTEXT, command, data_set)


_MESSAGES: list[Callable[[DrawFn], list[bytes]]] = [_echo, _store, _store]


def _message(draw: DrawFn, context: int, command: dict[int, bytes], data_set: bytes) -> list[bytes]:
    elements = [Element(tag, b"", value + b"\0" * (len(value) % 2)) for tag, value in sorted(command.items())]
    elements.insert(1, Element(0x0110, b"", b"\x07\x00"))
    if draw(st.integers(0, 2)) == 0:
        _damage_command(draw, elements)
    written = b"".join(element.encoded(is_implicit=True, order="<") for element in elements)
    group_length = Element(0x0000, b"", struct.pack("<L", len(written))).encoded(is_implicit=True, order="<")
    pdus = _fragments(draw, context, _COMMAND, group_length + written)
    return pdus + (_fragments(draw, context, _DATA, data_set) if data_set else [])


def _damage_command(draw: DrawFn, elements: list[Element]) -> None:
    place = draw(st.integers(0, len(elements) - 1))
    element = elements[place]
    match draw(st.sampled_from(["value", "length", "missing", "twice", "command"])):
        case "value":
            elements[place] = Element(element.tag, b"", draw(st.binary(max_size=80)))
        case "length":
            elements[place] = Element(element.tag, b"", element.value, draw(st.sampled_from(_LENGTHS)))
        case "missing":
            del elements[place]
        case "twice":
            elements.insert(0, element)
        case "command":
            value = struct.pack("<H", draw(st.sampled_from(_COMMANDS)))
            elements[:] = [Element(0x0100, b"", value) if e.tag == 0x0100 else e for e in elements]


def _fragments(draw: DrawFn, context: int, kind: int, content: bytes) -> list[bytes]:
    size = draw(st.sampled_from([len(content) or 1, len(content) or 1, 1_000, 2 if kind else 3_000]))
    pieces = [content[start : start + size] for start in range(0, max(len(content), 1), size)]
    pdus = []
    for number, piece in enumerate(pieces):
        header = kind | (_LAST if number == len(pieces) - 1 else 0)
        if draw(st.integers(0, 30)) == 0:
            header, context = draw(_BYTE), draw(st.sampled_from([context, 0, 2, 5, 255]))
        item_length = len(piece) + 2
        if draw(st.integers(0, 30)) == 0:
            item_length = draw(st.sampled_from(_LENGTHS))
        item = struct.pack(">LBB", item_length, context, header) + piece
        pdus.append(struct.pack(">BBL", 4, 0, len(item)) + item)
    return pdus


def _length_lies(draw: DrawFn, spoken: list[bytes]) -> None:
    place = draw(st.integers(0, len(spoken) - 1))
    near = len(spoken[place]) - 6 + draw(st.integers(-2, 2))
    length = struct.pack(">L", draw(st.sampled_from([max(near, 0), *_LENGTHS])))
    spoken[place] = spoken[place][:2] + length + spoken[place][6:]


def _other_type(draw: DrawFn, spoken: list[bytes]) -> None:
    place = draw(st.integers(0, len(spoken) - 1))
    spoken[place] = bytes([draw(st.integers(0, 9))]) + spoken[place][1:]


def _moved(draw: DrawFn, spoken: list[bytes]) -> None:
    pdu = spoken.pop(draw(st.integers(0, len(spoken) - 1)))
    for _ in range(draw(st.integers(0, 2))):
        spoken.insert(draw(st.integers(0, len(spoken))), pdu)
    spoken.append(b"")  # never nothing at all


def _cut(draw: DrawFn, spoken: list[bytes]) -> None:
    place = draw(st.integers(0, len(spoken) - 1))
    spoken[place] = spoken[place][: draw(st.integers(0, len(spoken[place])))]
    del spoken[place + 1 :]


def _flipped(draw: DrawFn, spoken: list[bytes]) -> None:
    place = draw(st.integers(0, len(spoken) - 1))
    content = bytearray(spoken[place] or b"\0")
    for _ in range(draw(st.integers(1, 6))):
        content[draw(st.integers(0, len(content) - 1))] = draw(_BYTE)
    spoken[place] = bytes(content)


_KINDS = [_length_lies, _other_type, _moved, _cut, _flipped]
_ENDS = [
    [A_RELEASE_RQ().encode()],
    [A_RELEASE_RQ().encode()],
    [b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00"],  # A-ABORT
    [A_RELEASE_RP().encode()],
    [b""],
]
