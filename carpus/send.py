"""Sends objects to a DICOM listener by C-STORE, each in its own transfer syntax, one after another.

Before it: ``carpus.outgoing`` found them. After it: the listener of this machine or any other.
"""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from carpus.outgoing import NotSendableError, Outgoing

MOST_CONTEXTS = 128  # PS3.8 9.3.2.2: a context's ID is odd and at most 255
CONNECT_TIMEOUT_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 60
_SUCCESS = 0x0000
_STORED_WITH_WARNING = range(0xB000, 0xC000)  # PS3.4 table B.2-1: stored, though not quite as sent

_config.STORE_SEND_CHUNKED_DATASET = True  # a file goes out byte for byte, not decoded and encoded again


@dataclass(frozen=True)
class Peer:
    """A DICOM listener and how we present ourselves to it."""

    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of an object: its UID once that is known, and the problem if it was not stored."""

    outgoing: Outgoing
    sop_instance_uid: str | None
    problem: str | None = None


class _NoAssociationError(Exception):
    """The peer takes no association; the message says why."""


def send(objects: Sequence[Outgoing], peer: Peer) -> Iterator[Outcome]:
    """Send objects, over as many associations as their presentation contexts need.

    Parameters
    ----------
    objects
        What to send.
    peer
        To whom.

    Yields
    ------
    Outcome
        One for each object, as soon as it is known. A problem with one does not keep the others from being sent; if the
        peer takes no association, none of the rest is tried.
    """
    pairs = list(dict.fromkeys((one.sop_class_uid, one.transfer_syntax_uid) for one in objects))
    for start in range(0, len(pairs), MOST_CONTEXTS):
        share = pairs[start : start + MOST_CONTEXTS]
        contexts = [build_context(*pair) for pair in share]
        yield from _send_over(contexts, [o for o in objects if (o.sop_class_uid, o.transfer_syntax_uid) in share], peer)


def echo(peer: Peer) -> str | None:
    """Ask a DICOM listener whether it serves, by C-ECHO.

    Parameters
    ----------
    peer
        Whom.

    Returns
    -------
    str or None
        Why it does not, or None when it does.
    """
    try:
        association = _associate([build_context(Verification)], peer)
    except _NoAssociationError as error:
        return str(error)
    try:
        return _problem(association.send_c_echo())
    finally:
        association.release()


def _send_over(contexts: list[PresentationContext], objects: Sequence[Outgoing], peer: Peer) -> Iterator[Outcome]:
    association: Association | None = None
    refusal: str | None = None
    try:
        for outgoing in objects:
            if refusal is None and (association is None or not association.is_established):
                try:
                    association = _associate(contexts, peer)
                except _NoAssociationError as error:
                    refusal = str(error)
            if refusal is not None:
                yield Outcome(outgoing, None, refusal)
            else:
                yield _store(association, outgoing)
    finally:
        if association is not None and association.is_established:
            association.release()


def _associate(contexts: list[PresentationContext], peer: Peer) -> Association:
    entity = AE(ae_title=peer.calling_ae_title)
    entity.connection_timeout = entity.acse_timeout = CONNECT_TIMEOUT_SECONDS
    entity.dimse_timeout = entity.network_timeout = ANSWER_TIMEOUT_SECONDS
    tls = (peer.tls, peer.host) if peer.tls else None
    association = entity.associate(peer.host, peer.port, contexts, ae_title=peer.called_ae_title, tls_args=tls)
    if association.is_established:
        return association
    where = f"{peer.called_ae_title} at {peer.host}:{peer.port}"
    answer = association.acceptor.primitive
    if association.is_rejected and answer is not None:
        raise _NoAssociationError(f"{where} rejected the association: {answer.reason_str}")
    if answer is not None:
        raise _NoAssociationError(f"{where} accepts none of these kinds of images")
    way = " by TLS with a certificate that can be verified" if peer.tls else ""
    raise _NoAssociationError(f"no DICOM listener answers as {where}{way}")


def _store(association: Association, outgoing: Outgoing) -> Outcome:
    uid: str | None = None
    try:
        loaded = outgoing.load()
        uid = _sop_instance_uid(loaded)
        answer = association.send_c_store(loaded)
    except NotSendableError as error:
        return Outcome(outgoing, uid, str(error))
    except ValueError as error:
        return Outcome(outgoing, uid, _unaccepted(association, outgoing) or str(error))
    except (OSError, RuntimeError, AttributeError) as error:  # unreadable, association lost, damaged header
        return Outcome(outgoing, uid, str(error))
    return Outcome(outgoing, uid, _problem(answer))


def _unaccepted(association: Association, outgoing: Outgoing) -> str | None:
    """Return that the listener has not accepted an object's presentation context, or None where it has."""
    pair = (outgoing.sop_class_uid, outgoing.transfer_syntax_uid)
    if pair in {(one.abstract_syntax, one.transfer_syntax[0]) for one in association.accepted_contexts}:
        return None
    return f"the listener does not accept {pair[0].name} as {pair[1].name}"


def _sop_instance_uid(loaded: Path | Dataset) -> str:
    if isinstance(loaded, Path):
        from pydicom.filereader import read_file_meta_info

        return str(read_file_meta_info(loaded).MediaStorageSOPInstanceUID)
    return str(loaded.SOPInstanceUID)


def _problem(answer: Dataset) -> str | None:
    """Return what a C-STORE response complains of, or None where the object was stored."""
    if "Status" not in answer:
        return "the association was lost before an answer came"
    status = int(answer.Status)
    if status == _SUCCESS or status in _STORED_WITH_WARNING:
        return None
    meaning = STORAGE_SERVICE_CLASS_STATUS.get(status, ("", ""))[1]
    comment = answer.get("ErrorComment", "")
    return f"refused with status 0x{status:04X}: " + "; ".join(filter(None, (meaning, comment)))
