"""Can a PDU of the negotiation be understood? Asked before pynetdicom's state machine sees it.

Used by :mod:`wire`. What its decoders choke on would end its threads with a traceback, or leave one of them waiting;
and they take over a second for a request of 64 KB that is made of thousands of items.

References
----------
DICOM PS3.8 sections 9.3.2 (A-ASSOCIATE-RQ) and 9.3.2.2 (at most 128 presentation contexts); PS3.7 Annex D.3.
"""

from collections.abc import Iterator
from typing import Any

from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, A_RELEASE_RP, A_RELEASE_RQ

from dicom_listener.incoming import HEADER_BYTES, AbortReason, PDUType, RefusedPDUError

_DECODERS: dict[int, Any] = {
    PDUType.A_ASSOCIATE_RQ: A_ASSOCIATE_RQ,
    PDUType.A_ASSOCIATE_AC: A_ASSOCIATE_AC,
    PDUType.A_ASSOCIATE_RJ: A_ASSOCIATE_RJ,
    PDUType.A_RELEASE_RQ: A_RELEASE_RQ,
    PDUType.A_RELEASE_RP: A_RELEASE_RP,
    PDUType.A_ABORT: A_ABORT_RQ,
}
_ITEMS_FROM = HEADER_BYTES + 68  # protocol version, reserved, two AE titles, reserved
_CONTEXT, _USER_INFORMATION = 0x20, 0x50
_ITEM_HEADER_BYTES = 4  # type, reserved, length
_CONTEXT_HEADER_BYTES = 4  # ID and reserved, before its own items
_MAX_ITEMS = 130  # an application context, 128 presentation contexts, the user information
_MAX_ITEMS_WITHIN = 512  # the transfer syntaxes of one context, or the roles and options of all


def check(data: memoryview) -> None:
    """Check that a PDU other than P-DATA can be decoded.

    Parameters
    ----------
    data
        The whole PDU.

    Raises
    ------
    RefusedPDUError
        When it cannot, or has more items than the standard gives a use for.
    """
    if data[0] not in _DECODERS:
        return
    if data[0] == PDUType.A_ASSOCIATE_RQ:
        _count_items(data)
    try:
        pdu = _DECODERS[data[0]]()
        pdu.decode(bytes(data))
        pdu.to_primitive()
    except Exception as error:  # pynetdicom raises whatever its parsing of a stranger's bytes runs into
        reason = f"an {PDUType(data[0]).name} that cannot be decoded"
        raise RefusedPDUError(reason, AbortReason.INVALID_PARAMETER_VALUE, len(data)) from error


def _count_items(data: memoryview) -> None:
    for number, (kind, start, end) in enumerate(_items(data, _ITEMS_FROM, len(data)), start=1):
        within = 0
        if kind in {_CONTEXT, _USER_INFORMATION}:
            first = start + (_CONTEXT_HEADER_BYTES if kind == _CONTEXT else 0)
            within = sum(1 for _ in _items(data, first, end))
        if number > _MAX_ITEMS or within > _MAX_ITEMS_WITHIN:
            reason = "an association request of too many items"
            raise RefusedPDUError(reason, AbortReason.INVALID_PARAMETER_VALUE, max(number, within))


def _items(data: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield type, start and end of the items' values; what is cut off is the decoder's to find."""
    while start + _ITEM_HEADER_BYTES <= end:
        kind, length_bytes = data[start], int.from_bytes(data[start + 2 : start + _ITEM_HEADER_BYTES])
        start += _ITEM_HEADER_BYTES
        yield kind, start, min(start + length_bytes, end)
        start += length_bytes
