"""The server: takes connections, and starts an association for each that has asked for one in time and within limits.

Before :mod:`receive`, with :mod:`doors` (who), :mod:`tls`, :mod:`waiting` (until it has asked) and :mod:`wire` (from
then on). One thread waits for all connections at once, so that none of them can keep the others waiting.
"""

import selectors
import socket
import threading
import time
from collections import Counter
from contextlib import nullcontext
from typing import Any

from pynetdicom.transport import AssociationServer

from db import log
from dicom_listener import doors
from dicom_listener.incoming import ConnectionEndedError, RefusedPDUError, abort
from dicom_listener.memory import ReceiveMemory
from dicom_listener.places import Share, packed
from dicom_listener.reception import Reception
from dicom_listener.refusals import Refusals
from dicom_listener.settings import ListenerSettings
from dicom_listener.store import Store
from dicom_listener.tls import Certificates
from dicom_listener.waiting import Waiting, rejection

_POLL_SECONDS = 0.05

_log = log.get(__name__)


class Connections(AssociationServer):  # type: ignore[misc]  # pynetdicom has no types
    """The server of the application entity.

    Parameters
    ----------
    settings
        The limits and who is let in.
    certificates
        For TLS; None for plain TCP.
    store
        Where objects are kept.
    max_object_bytes
        Longest object that is taken.
    refusals
        Where is noted who was not let in.
    share
        What is shared with other processes of this listener; None where there are none.
    """

    request_queue_size = 128

    def __init__(
        self,
        *arguments: Any,
        settings: ListenerSettings,
        certificates: Certificates | None,
        store: Store,
        max_object_bytes: int,
        refusals: Refusals,
        share: Share | None = None,
        **named: Any,
    ) -> None:
        self.settings = settings
        self.store = store
        self.max_object_bytes = max_object_bytes
        self.refusals = refusals
        processes = settings.listener_processes if share else 1
        self.memory = ReceiveMemory(settings.receive_memory_bytes // processes)
        self._max_waiting_connections = -(-settings.max_waiting_connections // processes)
        self._certificates = certificates
        self._share = share
        self._waiting: dict[Waiting, None] = {}  # in the order they came
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        super().__init__(*arguments, **named)

    def serve_forever(self, poll_interval: float = _POLL_SECONDS) -> None:
        """Serve until :meth:`shutdown`.

        Parameters
        ----------
        poll_interval
            In seconds; how exact the time of a connection is.
        """
        self.socket.setblocking(False)
        self._selector.register(self.socket, selectors.EVENT_READ)
        try:
            while not self._stopping.is_set():
                for key, _ in self._selector.select(poll_interval):
                    self._turn_to(key.data)
                self._dismiss_late()
                self.refusals.tell()
                self._tell_others()
            for waiting in list(self._waiting):
                self._dismiss(waiting)
        finally:
            self._selector.close()
            self._stopped.set()

    def server_bind(self) -> None:
        """Bind the socket, unless it is another process's, too."""
        if self._share is None:
            super().server_bind()
            return
        self.socket.close()
        self.socket: socket.socket = self._share.socket.dup()
        self.server_address = self.socket.getsockname()

    def server_activate(self) -> None:
        """Listen, unless whoever shares the socket does."""
        if self._share is None:
            super().server_activate()

    def server_close(self) -> None:
        """Close the socket; shut down, it would be so in the other processes, too."""
        if self._share is None:
            super().server_close()
        else:
            self.socket.close()

    def shutdown(self) -> None:
        """Accept no more; associations go on."""
        self._stopping.set()
        self._stopped.wait()
        self.refusals.tell(at_once=True)
        self.server_close()
        self.ae._servers.remove(self)

    def _turn_to(self, waiting: Waiting | None) -> None:
        """Accept a connection, or go on with one that waits."""
        try:
            if waiting is None:
                self._accept()
            elif waiting in self._waiting:
                self._advance(waiting)
        except Exception:  # noqa: BLE001  the border: whatever one connection does, the others find this loop running
            _log.exception("connection_not_handled")
            if waiting in self._waiting:
                self._dismiss(waiting)

    def _accept(self) -> None:
        if self._share:
            self._share.give_precedence(len(self._waiting) + len(self.active_associations))
        try:
            connection, address = self.socket.accept()
        except BlockingIOError:  # the peer has gone again
            return
        except OSError as error:  # no descriptors left, most of all
            self.refusals.note("the system has no room for a connection", "", error=error.strerror or "")
            if self._waiting:
                self._make_room()
            else:
                time.sleep(_POLL_SECONDS)
            return
        if not doors.admits(self.settings.peers, address[0]):
            self.refusals.note("its address is not among CARPUS_PEERS", address[0])
            connection.close()
            return
        self._wait_for(connection, address)

    def _wait_for(self, connection: socket.socket, address: tuple[str, int]) -> None:
        context = self._certificates.context() if self._certificates else None
        limits = self.settings
        try:
            waiting = Waiting(connection, address, context, limits.request_seconds, limits.max_request_bytes)
        except OSError:
            connection.close()
            return
        self._waiting[waiting] = None
        self._selector.register(waiting.connection, selectors.EVENT_READ, waiting)
        if len(self._waiting) > self._max_waiting_connections:
            self.refusals.note("more connections wait than CARPUS_MAX_WAITING_CONNECTIONS", address[0])
            self._make_room()

    def _make_room(self) -> None:
        """Close the longest waiting connection of the address that has most: a sender waits for milliseconds."""
        counts = Counter(waiting.origin for waiting in self._waiting)
        oldest = max(self._waiting, key=lambda waiting: counts[waiting.origin])  # of equals the first
        self._dismiss(oldest)

    def _advance(self, waiting: Waiting) -> None:
        try:
            wanted = waiting.advance()
        except RefusedPDUError as error:
            self.refusals.note(f"no association request: {error}", waiting.address[0], received=error.received)
            self._dismiss(waiting, abort(error.abort_reason))
        except ConnectionEndedError:  # such as a port scan, or a monitor that looks whether the port is open
            self._dismiss(waiting)
        except OSError as error:
            self.refusals.note("no TLS connection", waiting.address[0], error=getattr(error, "reason", None) or "lost")
            self._dismiss(waiting)
        else:
            if wanted:
                self._selector.modify(waiting.connection, wanted, waiting)
            else:
                self._begin(waiting)

    def _begin(self, waiting: Waiting) -> None:
        """Start the association that was asked for, or refuse it."""
        with self._share.held() if self._share else nullcontext():
            setting = self._exceeded(waiting.origin)
            if setting is None:
                self._forget(waiting)
                self._start(waiting)
                self._tell_others()
        if setting:
            self.refusals.note(f"as many associations as {setting} are being served", waiting.address[0])
            self._dismiss(waiting, rejection())
        else:
            self.service_actions()

    def _start(self, waiting: Waiting) -> None:
        try:
            waiting.connection.settimeout(self.settings.network_timeout_seconds)
            waiting.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Reception(waiting, self)
        except Exception:  # such as no more threads
            waiting.close()
            raise

    def _exceeded(self, origin: str) -> str | None:
        served = [packed(one) for one in self._served()]
        if self._share:
            served += self._share.others()
        if len(served) >= self.settings.max_associations:
            return "CARPUS_MAX_ASSOCIATIONS"
        if served.count(packed(origin)) >= self.settings.max_associations_per_address:
            return "CARPUS_MAX_ASSOCIATIONS_PER_ADDRESS"
        return None

    def _served(self) -> list[str]:
        return [doors.origin(association.requestor.address) for association in self.active_associations]

    def _tell_others(self) -> None:
        if self._share:
            self._share.tell(len(self._waiting), self._served())

    def _dismiss_late(self) -> None:
        now = time.monotonic()
        for waiting in list(self._waiting):
            if waiting.deadline > now:
                return  # the others came later
            self.refusals.note("no association request within CARPUS_REQUEST_SECONDS", waiting.address[0])
            self._dismiss(waiting)

    def _dismiss(self, waiting: Waiting, last_words: bytes = b"") -> None:
        self._forget(waiting)
        waiting.close(last_words)

    def _forget(self, waiting: Waiting) -> None:
        del self._waiting[waiting]
        self._selector.unregister(waiting.connection)
