"""The DIMSE messages of one association, put together from their fragments within limits.

After :mod:`wire`, before :mod:`receive`. An object that grows too long is taken to its end and thrown away, so that its
sender gets an answer and the association goes on with the next one.

References
----------
DICOM PS3.7 section 6.3 (messages), PS3.8 Annex E (fragments).
"""

from io import BytesIO
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA

from db.errors import PermanentError
from dicom_listener import doors
from dicom_listener.memory import ReceiveMemory
from dicom_listener.refusals import Refusals
from dicom_listener.statuses import NoMemoryForObjectError, RefusedObjectError

# A command is some UIDs, titles and numbers: below 1 KB. pynetdicom would collect whatever came.
MAX_COMMAND_BYTES = 16_384
_INVALID_PDU = "Evt19"  # PS3.8 table 9-2; the state machine answers it with an A-ABORT


class ReceivedObject(BytesIO):
    """A data set as it comes, thrown away once it is longer than allowed or there is no memory for it.

    Parameters
    ----------
    max_bytes
        The most that is kept.
    memory
        What it is taken from, and given back to when nobody holds the object any more.
    origin
        The address that sends it.

    Attributes
    ----------
    refusal
        Why it was thrown away; None while it is kept.
    """

    def __init__(self, max_bytes: int, memory: ReceiveMemory, origin: str) -> None:
        super().__init__()
        self.refusal: RefusedObjectError | None = None
        self._max_bytes = max_bytes
        self._memory = memory
        self._origin = origin
        self._taken_bytes = 0

    def write(self, fragment: Any) -> int:
        """Append a fragment."""
        size_bytes = len(fragment)
        if self.refusal is None and self._taken_bytes + size_bytes > self._max_bytes:
            self._throw_away(RefusedObjectError(f"longer than CARPUS_MAX_OBJECT_BYTES, {self._max_bytes}"))
        elif self.refusal is None and not self._memory.take(self._origin, size_bytes):
            self._throw_away(NoMemoryForObjectError("too much is being received at once, try again later"))
        if self.refusal is not None:
            return size_bytes
        self._taken_bytes += size_bytes
        return super().write(fragment)

    def _throw_away(self, refusal: RefusedObjectError) -> None:
        self.refusal = refusal
        self.seek(0)
        self.truncate()
        self._give_back()

    def _give_back(self) -> None:
        self._memory.give_back(self._origin, self._taken_bytes)
        self._taken_bytes = 0

    def __del__(self) -> None:
        self._give_back()


class _ReceivedCommand(BytesIO):
    def write(self, fragment: Any) -> int:
        if self.tell() + len(fragment) > MAX_COMMAND_BYTES:
            raise PermanentError(f"a command of more than {MAX_COMMAND_BYTES} bytes")
        return super().write(fragment)


class Messages(DIMSEServiceProvider):  # type: ignore[misc]  # pynetdicom has no types
    """pynetdicom's provider of messages, with limits.

    Parameters
    ----------
    association
        Whose.
    max_object_bytes
        Longest data set that is kept.
    memory
        For the data sets of all associations.
    refusals
        Where a message that is none is noted.
    """

    def __init__(
        self, association: Association, max_object_bytes: int, memory: ReceiveMemory, refusals: Refusals
    ) -> None:
        super().__init__(association)
        self.message: DIMSEMessage | None = None
        self._max_object_bytes = max_object_bytes
        self._memory = memory
        self._refusals = refusals

    @property
    def is_message_waiting(self) -> bool:
        """Whether a whole message waits to be served; no more is read meanwhile, as none may be sent."""
        return bool(self.msg_queue.qsize())

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Add the fragments of one P-DATA; what is no message ends the association, not its thread.

        Parameters
        ----------
        primitive
            The fragments.
        """
        if self.message is None:
            self.message = self._begun_message()
        try:
            super().receive_primitive(primitive)
        except Exception as error:  # noqa: BLE001  pynetdicom raises whatever its parsing of a stranger's bytes runs into
            self.message = None
            self._refusals.note(
                "no DIMSE message",
                self.assoc.requestor.address,
                calling_ae_title=self.assoc.requestor.ae_title,
                error=type(error).__name__,
            )
            self.dul.event_queue.put(_INVALID_PDU)

    def _begun_message(self) -> DIMSEMessage:
        message = DIMSEMessage()
        origin = doors.origin(self.assoc.requestor.address)
        message.data_set = ReceivedObject(self._max_object_bytes, self._memory, origin)
        message.encoded_command_set = _ReceivedCommand()
        return message
