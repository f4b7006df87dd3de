"""A modality that costs next to nothing: its PDUs are made before the clock runs, and only handed to the system then.

Run by :mod:`tests.bench.receive` as ``python -m tests.bench.modality PORT ASSOCIATIONS IMAGES BYTES WAY``, so that
neither its work nor its interpreter's lock is the receiver's. It says that it is ready, begins when it is told to, says
how many seconds it took from the first byte to the last answer, and ends its associations when it is told to.
"""

import random
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from io import BytesIO
from time import perf_counter

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode

from tests.dicom_listener.peers import RELEASE_REQUEST, answer, item, pdu
from tests.objects import hand_radiograph

CONTEXT_ID = 1
_OWN_MAX_PDU_BYTES = 131_072
_MAXIMUM_LENGTH = 0x51  # PS3.8 annex D.1
_DIGITS = 12
_SUCCESS = bytes.fromhex("0000 0009 0200 0000 0000")  # Status (0000,0900), implicit VR little endian
_PDV_HEADER_BYTES = 6  # length, context, control


class Way(StrEnum):
    """How the bytes are handed to TCP."""

    AT_ONCE = "at-once"  # as many at once as it takes, without Nagle's algorithm
    PDU_BY_PDU = "pdu-by-pdu"  # as pynetdicom and others do that leave Nagle's algorithm on


class Association:
    """An association by which images are sent.

    Parameters
    ----------
    port
        The receiver's, on this machine.
    images
        How many.
    size_bytes
        Of each.
    way
        How they are handed to TCP.
    """

    def __init__(self, port: int, images: int, size_bytes: int, way: Way) -> None:
        example = _example(size_bytes)
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, way is Way.AT_ONCE)
        self._connection.sendall(_request(str(example.SOPClassUID)))
        made = _images(size_bytes, images, _longest_pdu(answer(self._connection)))
        # The pixels are the same bytes in memory for all images.
        self._images = [_joined(image) for image in made] if way is Way.AT_ONCE else list(made)

    def send(self) -> None:
        """Send all images, each once the one before was answered."""
        for parts in self._images:
            for part in parts:
                self._connection.sendall(part)
            response = answer(self._connection)
            assert _SUCCESS in response, response

    def release(self) -> None:
        """End it."""
        self._connection.sendall(RELEASE_REQUEST)
        answer(self._connection)
        self._connection.close()


def main(port: int, associations: int, images: int, size_bytes: int, way: Way) -> None:
    """Send by several associations when told to, say how long it took, and end them when told to."""
    made = [Association(port, images, size_bytes, way) for _ in range(associations)]
    threads = [threading.Thread(target=association.send) for association in made]
    _say("ready")
    sys.stdin.readline()
    began = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _say(str(perf_counter() - began))
    sys.stdin.readline()
    for association in made:
        association.release()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@cache
def _example(size_bytes: int) -> Dataset:
    side_pixels = int((size_bytes / 2) ** 0.5)
    pixels = np.random.default_rng(1).integers(0, 4096, (side_pixels, side_pixels), np.uint16)
    return hand_radiograph(Rows=side_pixels, Columns=side_pixels, PixelData=pixels.tobytes())


def _request(sop_class_uid: str) -> bytes:
    syntax = item(0x40, ExplicitVRLittleEndian.encode())
    context = bytes([CONTEXT_ID, 0, 0, 0]) + item(0x30, sop_class_uid.encode()) + syntax
    information = item(_MAXIMUM_LENGTH, struct.pack(">L", _OWN_MAX_PDU_BYTES)) + item(0x52, b"1.2.3")
    items = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, context) + item(0x50, information)
    return pdu(1, struct.pack(">HH", 1, 0) + b"CARPUS".ljust(16) + b"MODALITY".ljust(16) + bytes(32) + items)


def _longest_pdu(accepted: bytes) -> int:
    assert accepted[:1] == b"\x02", accepted[:10]
    at = accepted.rindex(bytes([_MAXIMUM_LENGTH, 0, 0, 4])) + 4
    return min(int.from_bytes(accepted[at : at + 4]) or _OWN_MAX_PDU_BYTES, _OWN_MAX_PDU_BYTES)


def _images(size_bytes: int, images: int, longest_bytes: int) -> Iterator[list[bytes]]:
    """Yield the PDUs of images that differ by their UID, and share the memory of all but the first two."""
    example = _example(size_bytes)
    uid = str(example.SOPInstanceUID)
    first, *rest = _encoded(size_bytes, longest_bytes)
    for _ in range(images):
        own = uid[:-_DIGITS] + str(random.randrange(10 ** (_DIGITS - 1), 10**_DIGITS))
        yield [_command(example, own), first.replace(uid.encode(), own.encode()), *rest]


def _joined(pdus: list[bytes]) -> list[bytes]:
    """Return the PDUs in two pieces, of which the second is shared."""
    command, first, *rest = pdus
    return [command + first, _join(tuple(rest))]


@cache
def _join(pdus: tuple[bytes, ...]) -> bytes:
    return b"".join(pdus)


def _command(example: Dataset, sop_instance_uid: str) -> bytes:
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = example.SOPClassUID, sop_instance_uid
    request.DataSet = BytesIO(b"there is one")
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    command = encode(message.command_set, is_implicit_vr=True, is_little_endian=True)
    assert command is not None
    return _fragment(3, command)


@cache
def _encoded(size_bytes: int, longest_bytes: int) -> list[bytes]:
    encoded = encode(_example(size_bytes), is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    step = longest_bytes - _PDV_HEADER_BYTES
    parts = [encoded[start : start + step] for start in range(0, len(encoded), step)]
    return [_fragment(0, part) for part in parts[:-1]] + [_fragment(2, parts[-1])]


def _fragment(control: int, data: bytes) -> bytes:
    return pdu(4, struct.pack(">LBB", len(data) + 2, CONTEXT_ID, control) + data)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]), Way(sys.argv[5]))
