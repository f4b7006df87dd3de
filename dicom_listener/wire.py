"""The bytes of one association as they come: whole PDUs within limits of length and time, never waited for.

After :mod:`waiting`, before :mod:`messages`. pynetdicom reads a PDU's length as it is stated and waits until that much
has come; here its thread sees a PDU only once it is whole, and is free to answer, abort and keep time until then.
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

# How long a thread waits for the rest of a PDU that is on its way before it looks after other things.
_PATIENCE_SECONDS = 0.05


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
    """

    def __init__(
        self, made: AssociationSocket, request: IncomingPDU, settings: ListenerSettings, refusals: Refusals
    ) -> None:
        # Its own __init__ would announce the connection to the state machine a second time.
        self.__dict__.update(vars(made))
        self._pdu = request
        self._begun_at: float | None = time.monotonic()
        self._is_checked = False
        self._has_ended = False
        self._settings = settings
        self._refusals = refusals

    @property
    def ready(self) -> bool:
        """Whether a whole PDU has come, or none will any more."""
        if self._has_ended or (self._pdu.is_whole and self._is_checked):
            return True
        if self.socket is None or (self._begun_at is None and (self._is_busy or not super().ready)):
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
        taken = self._pdu.data[:nr_bytes]
        del self._pdu.data[:nr_bytes]
        if not self._pdu.data:
            self._pdu, self._begun_at, self._is_checked = IncomingPDU(self._settings.max_pdu_bytes), None, False
        return taken

    def _shutdown_socket(self) -> None:
        """Close the connection even if the peer closed it first, when pynetdicom's own would leave the descriptor."""
        super()._shutdown_socket()
        if self.socket is not None:
            self.socket.close()

    @property
    def _is_busy(self) -> bool:
        messages = self.assoc.dimse
        return isinstance(messages, Messages) and messages.is_message_waiting

    def _read(self) -> bool:
        """Read on; return whether the PDU is whole or will never be."""
        try:
            self._read_what_comes()
            if self._pdu.is_whole:
                check(self._pdu.data)
                self._is_checked = True
        except RefusedPDUError as error:
            self._refuse(str(error), error.abort_reason, received=error.received)
        except (ConnectionEndedError, OSError):
            self._has_ended = True
        return self._has_ended or self._pdu.is_whole

    def _read_what_comes(self) -> None:
        connection = self.socket
        connection.settimeout(_PATIENCE_SECONDS)
        try:
            while not self._pdu.is_whole:
                self._pdu.read_from(connection)
                self._begun_at = self._begun_at or time.monotonic()
                self._end_if_late()
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            self._end_if_late()
        finally:
            with suppress(OSError):
                connection.settimeout(self._settings.network_timeout_seconds)

    def _end_if_late(self) -> None:
        if self._begun_at is not None and time.monotonic() - self._begun_at > self._settings.pdu_seconds:
            raise RefusedPDUError("a PDU that came too slowly", AbortReason.NOT_SPECIFIED, len(self._pdu.data))

    def _refuse(self, reason: str, abort_reason: AbortReason, received: int) -> None:
        requestor = self.assoc.requestor
        self._refusals.note(reason, requestor.address, calling_ae_title=requestor.ae_title, received=received)
        self.send(abort(abort_reason))
        self._has_ended = True
