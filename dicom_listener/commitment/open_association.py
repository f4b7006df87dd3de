"""A requester's association as long as it lasts: requests come in by it, and the report goes out by it.

pynetdicom's own ``send_n_event_report`` would pause what serves the association, take the requester's next request for
the response, and abort. Here the report is only sent, between two whole messages, and its response is noticed when it
comes, while C-STOREs go on.

References
----------
DICOM PS3.7 section 10.1.1 (N-EVENT-REPORT), section 6.3.1 (fragments of two messages are not mixed).
"""

import io
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContextTuple
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from dicom_listener.commitment.statuses import told_status

ANSWER_SECONDS = 30  # a requester that is busy with an exposure is slow
_N_EVENT_REPORT_RSP = 0x8100  # PS3.7 table E.1-1, command field
_MAX_MESSAGE_ID = 65_535


@dataclass(frozen=True)
class _Sent:
    commitment_id: int
    message_id: int
    deadline: float  # on the monotonic clock


class OpenAssociation:
    """One association, and the requests whose reports it waits for.

    Parameters
    ----------
    association
        pynetdicom's, of which we are the acceptor.
    on_change
        Called when there is something to do: a request was answered, a response came.
    """

    def __init__(self, association: Association, on_change: Callable[[], None]) -> None:
        self._association = association
        self._on_change = on_change
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._promised: list[tuple[int, PresentationContextTuple]] = []
        self._waiting: deque[tuple[int, PresentationContextTuple]] = deque()
        self._sent: _Sent | None = None
        self._is_sent_left = False
        self._answers: dict[int, int] = {}
        self._message_id = 0
        self._send_message = association.dimse.send_msg
        association.dimse.send_msg = self._send  # by which the association's own answers go, too
        association.bind(evt.EVT_DIMSE_RECV, self._notice)

    @property
    def ae_title(self) -> str:
        """The requester's AE title."""
        return str(self._association.requestor.ae_title).strip()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self._association.is_established

    @property
    def is_late(self) -> bool:
        """Whether a report has waited for its answer for too long."""
        with self._lock:
            return self._sent is not None and time.monotonic() > self._sent.deadline

    def promise(self, commitment_id: int, context: PresentationContextTuple) -> None:
        """Take a request on; its report waits until the request itself has been answered."""
        with self._lock:
            self._promised.append((commitment_id, context))

    def held(self) -> set[int]:
        """Return the requests that nobody else need see to."""
        with self._lock:
            return self._unanswered() | set(self._answers)

    def leave(self) -> set[int]:
        """Return the requests not yet answered, and forget them; an answer that comes late still counts."""
        with self._lock:
            left = self._unanswered()
            self._promised.clear()
            self._waiting.clear()
            self._is_sent_left = True
        return left

    def next(self) -> int | None:
        """Return the request to be reported on now: one at a time, as PS3.7 section D.3.3.3 has it by default."""
        with self._lock:
            return None if self._sent or not self._waiting else self._waiting[0][0]

    def answers(self) -> dict[int, int]:
        """Return the requests whose reports were answered, each with the response's status."""
        with self._lock:
            return dict(self._answers)

    def drop(self, commitment_id: int) -> None:
        """Forget a request: its answer is written down, or another reported on it."""
        with self._lock:
            self._answers.pop(commitment_id, None)
            self._waiting = deque(one for one in self._waiting if one[0] != commitment_id)

    def report(self, event_type: int, information: Dataset) -> None:
        """Send the report on the request that :meth:`next` returned."""
        with self._lock:
            commitment_id, context = self._waiting.popleft()
            self._message_id = self._message_id % _MAX_MESSAGE_ID + 1
            self._sent = _Sent(commitment_id, self._message_id, time.monotonic() + ANSWER_SECONDS)
            self._is_sent_left = False
        self._send(_message(self._message_id, event_type, information, context), context.context_id)

    def _unanswered(self) -> set[int]:
        sent = {self._sent.commitment_id} if self._sent and not self._is_sent_left else set()
        return sent | {commitment_id for commitment_id, _ in (*self._promised, *self._waiting)}

    def _send(self, primitive: Any, context_id: int) -> None:
        """Send a message whole; one thread serves the association, another reports on it."""
        with self._sending:
            self._send_message(primitive, context_id)
        if isinstance(primitive, N_ACTION):
            with self._lock:
                self._waiting.extend(self._promised)
                self._promised.clear()
            self._on_change()

    def _notice(self, event: Event) -> None:
        command = event.message.command_set
        if command.get("CommandField") != _N_EVENT_REPORT_RSP:
            return
        with self._lock:
            sent, status = self._sent, command.get("Status")
            if sent is None or command.get("MessageIDBeingRespondedTo") != sent.message_id or status is None:
                return
            self._answers[sent.commitment_id] = told_status(status)
            self._sent = None
        self._on_change()


def _message(
    message_id: int, event_type: int, information: Dataset, context: PresentationContextTuple
) -> N_EVENT_REPORT:
    syntax = context.transfer_syntax
    message = N_EVENT_REPORT()
    message.MessageID = message_id
    message.AffectedSOPClassUID = StorageCommitmentPushModel
    message.AffectedSOPInstanceUID = StorageCommitmentPushModelInstance
    message.EventTypeID = event_type
    message.EventInformation = io.BytesIO(encode(information, syntax.is_implicit_VR, syntax.is_little_endian) or b"")
    return message
