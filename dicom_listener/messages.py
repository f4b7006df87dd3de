"""The DIMSE messages of one association, put together from their fragments within limits.

After :mod:`wire`, before :mod:`receive`. An object that grows too long is taken to its end and thrown away, so that its
sender gets an answer and the association goes on with the next one. What is to be stored and long is written to its
file while it comes, so that an association takes little memory whatever it sends.

References
----------
DICOM PS3.7 section 6.3 (messages), PS3.8 Annex E (fragments).
"""

import queue
from io import BytesIO
from typing import Any

from pydicom.dataset import FileMetaDataset
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA

from db.errors import PermanentError
from dicom_listener import doors
from dicom_listener.incoming import PDUType
from dicom_listener.memory import ReceiveMemory
from dicom_listener.received import ReceivedObject
from dicom_listener.refusals import Refusals
from dicom_listener.statuses import RefusedObjectError
from dicom_listener.store import Store
from dicom_listener.stored_content import file_meta
from dicom_listener.wake import PATIENCE_SECONDS, Wake

# A command is some UIDs, titles and numbers: below 1 KB. pynetdicom would collect whatever came.
MAX_COMMAND_BYTES = 16_384
_INVALID_PDU = "Evt19"  # PS3.8 table 9-2; the state machine answers it with an A-ABORT
# Of a P-DATA-TF PDU with one fragment: where the fragment's length ends, and where its bytes begin; behind the length
# stand the context's ID and the control header, whose two lowest bits are set for a command and for the last fragment.
_LENGTH_ENDS_AT, _FRAGMENT_FROM, _COMMAND_OR_LAST = 10, 12, 0b11


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
    store
        Where long objects are written while they come.
    max_object_bytes
        Longest data set that is kept.
    memory
        For the data sets of all associations.
    refusals
        Where a message that is none is noted.
    wake
        Wakes the association's provider of the upper layer.
    """

    def __init__(
        self,
        association: Association,
        store: Store,
        max_object_bytes: int,
        *,
        memory: ReceiveMemory,
        refusals: Refusals,
        wake: Wake,
    ) -> None:
        super().__init__(association)
        self.message: DIMSEMessage | None = None
        self._store = store
        self._max_object_bytes = max_object_bytes
        self._memory = memory
        self._refusals = refusals
        self._wake = wake

    @property
    def is_message_waiting(self) -> bool:
        """Whether a whole message waits to be served; no more is read meanwhile, as none may be sent."""
        return bool(self.msg_queue.qsize())

    def get_msg(self, block: bool = False) -> tuple[Any, Any]:
        """Return the next message, or None twice; wait for a moment where pynetdicom would ask again and again.

        Parameters
        ----------
        block
            Whether to wait for as long as the DIMSE timeout says.
        """
        try:
            item: tuple[Any, Any] = self.msg_queue.get(timeout=self.dimse_timeout if block else PATIENCE_SECONDS)
        except queue.Empty:
            return None, None
        self._wake.up()  # what comes after it may be read now
        return item

    def look_up(self) -> None:
        """Let whoever waits for a message look after other things."""
        if not self.msg_queue.qsize():
            self.msg_queue.put((None, None))

    def take(self, pdu: memoryview) -> bool:
        """Take a P-DATA PDU straight to its object, past pynetdicom, which would copy it seven times.

        Parameters
        ----------
        pdu
            The whole PDU.

        Returns
        -------
        bool
            Whether it was one fragment from the middle of a data set; all others are pynetdicom's.
        """
        message = self.message
        if message is None or message.context_id is None or not _is_one_fragment(pdu):
            return False
        message.data_set.write(pdu[_FRAGMENT_FROM:])
        self._spare_memory(message)
        return True

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
        else:
            if self.message is not None:
                self._spare_memory(self.message)

    def _spare_memory(self, message: DIMSEMessage) -> None:
        """Go on in a file where an object that is to be stored becomes long."""
        received = message.data_set
        if received.is_long and isinstance(message, C_STORE_RQ):
            received.move_to(lambda: self._store.begin(self._file_meta(message)))

    def _file_meta(self, message: DIMSEMessage) -> FileMetaDataset:
        command, context = message.command_set, self.assoc._accepted_cx.get(message.context_id)
        if context is None:
            raise RefusedObjectError("a C-STORE request in a presentation context that was not accepted")
        return file_meta(
            command.get("AffectedSOPClassUID") or "",
            command.get("AffectedSOPInstanceUID") or "",
            context.transfer_syntax[0],
            self.assoc.requestor.ae_title,
        )

    def _begun_message(self) -> DIMSEMessage:
        message = DIMSEMessage()
        origin = doors.origin(self.assoc.requestor.address)
        message.data_set = ReceivedObject(self._max_object_bytes, self._memory, origin)
        message.encoded_command_set = _ReceivedCommand()
        return message


def _is_one_fragment(pdu: memoryview) -> bool:
    """Whether a P-DATA PDU holds nothing but one fragment of a data set that is not its last (PS3.8 section 9.3.5)."""
    if len(pdu) < _FRAGMENT_FROM or pdu[0] != PDUType.P_DATA_TF:
        return False
    return int.from_bytes(pdu[6:10]) == len(pdu) - _LENGTH_ENDS_AT and pdu[11] & _COMMAND_OR_LAST == 0
