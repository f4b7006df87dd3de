"""The bytes of one association as they come: whole PDUs within limits of length and time, never waited for.

After :mod:`waiting`, before :mod:`messages`. pynetdicom reads a PDU's length as it is stated and waits until that much
has come; here its thread sees a PDU only once it is whole, and is free to answer, abort and keep time until then. What
is the middle of an object it does not see at all: that goes to its object from here.
"""

import ssl
import time
from contextlib import suppress

from pynetdicom.transport import AssociationSocket

from dicom_listener.incoming import (
    AbortReason,
    ConnectionEndedError,
    IncomingPDU,
    RefusedPDUError,
    abort,
)
from dicom_listener.messages import Messages
from dicom_listener.negotiable import check
from dicom_listener.refusals import Refusals
from dicom_listener.settings import ListenerSettings
from dicom_listener.wake import PATIENCE_SECONDS, Wake

_ENDING_SECONDS = 0.001  # between two looks whether the thread may end, once the connection has
_DATA_TRANSFER = "Sta6"  # PS3.8 table 9-10


class Wire(AssociationSocket):  # type: ignore[misc]  # pynetdicom has no types
    """The connection of an association.

    Parameters
    ----------
    made
        pynetdicom's own; not to be used any more.
    request
        The association request, which has been read.
    settings
        The limits.
    refusals
        Where a connection that breaks them is noted.
    wake
        Ends a wait for what comes.
    """

    def __init__(
        self,
        made: AssociationSocket,
        request: IncomingPDU,
        settings: ListenerSettings,
        refusals: Refusals,
        wake: Wake,
    ) -> None:
        # Its own __init__ would announce the connection to the state machine a second time.
        self.__dict__.update(vars(made))
        self._pdu = request
        self._is_first = True
        self._given_bytes = 0  # of the PDU that is whole
        self._begun_at: float | None = time.monotonic()
        self._is_checked = False
        self._has_ended = False
        self._settings = settings
        self._refusals = refusals
        self._wake = wake

    @property
    def ready(self) -> bool:
        """Whether a whole PDU has come, or none will any more; waited for a moment, or until there is other work."""
        if self._has_ended or (self._pdu.is_whole and self._is_checked):
            return True
        if self.socket is None:
            time.sleep(_ENDING_SECONDS)
            return False
        if self._begun_at is None and not self._has_more():
            return False
        return self._read()

    def recv(self, nr_bytes: int) -> bytearray:
        """Return the next bytes of the PDU that has come; none where none will, which ends the association.

        Parameters
        ----------
        nr_bytes
            How many at most.
        """
        if self._has_ended:
            return bytearray()
        taken = bytearray(self._pdu.data[self._given_bytes : self._given_bytes + nr_bytes])
        self._given_bytes += len(taken)
        if self._given_bytes == self._pdu.size_bytes:
            self._begin_next()
        return taken

    def send(self, bytestream: bytes) -> None:
        """Send bytes, and wait for a peer that does not take them as long as for one that sends nothing.

        Parameters
        ----------
        bytestream
            The bytes.
        """
        if self.socket is not None:
            with suppress(OSError):
                self.socket.settimeout(self._settings.network_timeout_seconds)
        super().send(bytestream)

    def _begin_next(self) -> None:
        if self._is_first:
            self._pdu = IncomingPDU(self._settings.max_pdu_bytes)
            self._is_first = False
        self._pdu.begin()
        self._given_bytes, self._begun_at, self._is_checked = 0, None, False

    def _shutdown_socket(self) -> None:
        """Close the connection even if the peer closed it first, when pynetdicom's own would leave the descriptor."""
        super()._shutdown_socket()
        if self.socket is not None:
            self.socket.close()
        self._wake.close()

    @property
    def _messages(self) -> Messages | None:
        messages = self.assoc.dimse
        return messages if isinstance(messages, Messages) else None

    def _has_more(self) -> bool:
        """Wait for more, unless a message that has come waits to be served."""
        if self._messages is not None and self._messages.is_message_waiting:
            self._wake.wait(None)
            return False
        is_pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        return bool(is_pending) or self._wake.wait(self.socket)

    def _read(self) -> bool:
        """Read on; return whether a PDU is whole that pynetdicom has to see, or none will be."""
        try:
            self._read_what_comes()
            if self._pdu.is_whole:
                with self._pdu.data as data:
                    check(data)
                self._is_checked = True
        except RefusedPDUError as error:
            self._refuse(str(error), error.abort_reason, received=error.received)
        except (ConnectionEndedError, OSError):
            self._has_ended = True
        return self._has_ended or (self._pdu.is_whole and self._is_checked)

    def _read_what_comes(self) -> None:
        """Read until a PDU is whole that pynetdicom has to see, or no more comes, or there is other work."""
        connection = self.socket
        until = time.monotonic() + PATIENCE_SECONDS
        try:
            connection.settimeout(PATIENCE_SECONDS)
            while not self._pdu.is_whole:
                self._pdu.read_from(connection)
                now = time.monotonic()
                self._begun_at = self._begun_at or now
                self._end_if_late()
                if self._is_taken() and (now > until or self.provider_queue.qsize()):
                    return
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            self._end_if_late()

    def _is_taken(self) -> bool:
        """Whether a PDU was whole and needs nothing of pynetdicom."""
        messages = self._messages
        if messages is None or not self._pdu.is_whole or self.assoc.dul.state_machine.current_state != _DATA_TRANSFER:
            return False
        with self._pdu.data as data:
            is_taken = messages.take(data)
        if is_taken:
            self._begin_next()
            self.assoc.dul._idle_timer.restart()
        return is_taken

    def _end_if_late(self) -> None:
        if self._begun_at is not None and time.monotonic() - self._begun_at > self._settings.pdu_seconds:
            raise RefusedPDUError("a PDU that came too slowly", AbortReason.NOT_SPECIFIED, self._pdu.size_bytes)

    def _refuse(self, reason: str, abort_reason: AbortReason, received: int) -> None:
        requestor = self.assoc.requestor
        self._refusals.note(reason, requestor.address, calling_ae_title=requestor.ae_title, received=received)
        self.send(abort(abort_reason))
        self._has_ended = True
