"""An archive for tests: it takes reports and pictures, answers as it is told, and reports on what it commits to."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    ComprehensiveSRStorage,
    SecondaryCaptureImageStorage,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    Verification,
)
from pynetdicom.transport import ThreadedAssociationServer

DEADLINE_SECONDS = 60.0
AE_TITLE = "PACS"


@dataclass
class Pacs:
    """What an archive got, and how it is to answer."""

    port: int
    statuses: list[int] = field(default_factory=list)  # of the next objects, Success after them
    failure_reason: int | None = None  # of what it was asked to commit to; None: it does
    report_to: int | None = None  # port of whoever asked; None: by the same association
    received: list[Dataset] = field(default_factory=list)
    asked: list[Dataset] = field(default_factory=list)
    report_answers: list[int] = field(default_factory=list)
    keeps_objects: bool = True  # else only their digests
    digests: dict[str, set[str]] = field(default_factory=dict)  # of the data sets that came under a SOP Instance UID
    listen: Callable[[], ThreadedAssociationServer] | None = None  # how it takes associations, once it runs
    server: ThreadedAssociationServer | None = None  # that takes them now

    def of(self, sop_class_uid: str) -> list[Dataset]:
        """Return what it got of a kind."""
        return [one for one in self.received if one.SOPClassUID == sop_class_uid]

    @property
    def reports(self) -> list[Dataset]:
        return self.of(ComprehensiveSRStorage)

    @property
    def pictures(self) -> list[Dataset]:
        return self.of(SecondaryCaptureImageStorage)

    def wait_until(self, is_so: Callable[[], Any], what: str = "it has come") -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_so():
            if time.monotonic() > deadline:
                pytest.fail(
                    f"not within {DEADLINE_SECONDS} s: {what}; got {[one.SOPClassUID.name for one in self.received]}"
                )
            time.sleep(0.05)


@contextmanager
def running(
    pacs: Pacs,
    *,
    commits: bool = True,
    kinds: tuple[str, ...] = (),
    ae_title: str = AE_TITLE,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Pacs]:
    """Run an archive on loopback.

    Parameters
    ----------
    pacs
        What it is to do; changed by what comes.
    commits
        Whether it offers storage commitment.
    kinds
        SOP classes that it takes; none: reports and pictures.
    ae_title
        Its own, by which it must be called.
    tls
        How it speaks TLS; None: it does not.
    """
    entity = AE(ae_title)
    entity.require_called_aet = True
    entity.add_supported_context(Verification)
    for kind in kinds or (ComprehensiveSRStorage, SecondaryCaptureImageStorage):
        entity.add_supported_context(kind)
    handlers: list[Any] = [(evt.EVT_C_STORE, _take, [pacs])]
    if commits:
        entity.add_supported_context(StorageCommitmentPushModel)
        handlers.append((evt.EVT_N_ACTION, _take_request, [pacs]))

    def listen() -> ThreadedAssociationServer:
        where = ("127.0.0.1", pacs.port)
        return entity.start_server(where, block=False, evt_handlers=handlers, ssl_context=tls)

    pacs.listen, pacs.server = listen, listen()
    try:
        yield pacs
    finally:
        pacs.server.shutdown()


@contextmanager
def away(pacs: Pacs) -> Iterator[None]:
    """Let nobody answer at a running archive's port within the block."""
    assert pacs.listen is not None
    assert pacs.server is not None
    pacs.server.shutdown()
    yield
    pacs.server = pacs.listen()


def _take(event: Event, pacs: Pacs) -> int:
    if pacs.statuses and (status := pacs.statuses.pop(0)) != 0:
        return status
    digest = sha256(event.request.DataSet.getvalue()).hexdigest()
    pacs.digests.setdefault(str(event.request.AffectedSOPInstanceUID), set()).add(digest)
    if pacs.keeps_objects:
        taken = event.dataset
        taken.file_meta = event.file_meta
        pacs.received.append(taken)
    return 0


def _take_request(event: Event, pacs: Pacs) -> tuple[int, None]:
    asked = event.action_information
    pacs.asked.append(asked)
    threading.Thread(target=_report, args=(event.assoc, asked, pacs), daemon=True).start()
    return 0, None


def _report(association: Any, asked: Dataset, pacs: Pacs) -> None:
    """Report, by the association that asked or by a new one, as the provider that called."""
    time.sleep(0.1)  # the request has to be answered first
    told = Dataset()
    told.TransactionUID = asked.TransactionUID
    if pacs.failure_reason is None:
        told.ReferencedSOPSequence = asked.ReferencedSOPSequence
    else:
        told.FailedSOPSequence = asked.ReferencedSOPSequence
        for item in told.FailedSOPSequence:
            item.FailureReason = pacs.failure_reason
    if pacs.report_to is None:
        _send(association, told, pacs)
        return
    entity = AE(AE_TITLE)
    entity.add_requested_context(StorageCommitmentPushModel)
    role = build_role(StorageCommitmentPushModel, scp_role=True)
    called = entity.associate("127.0.0.1", pacs.report_to, ae_title="CARPUS", ext_neg=[role])
    assert called.is_established
    _send(called, told, pacs)
    called.release()


def _send(association: Any, told: Dataset, pacs: Pacs) -> None:
    kind = 1 if pacs.failure_reason is None else 2
    answer, _ = association.send_n_event_report(
        told, kind, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    pacs.report_answers.append(answer.get("Status", -1))
