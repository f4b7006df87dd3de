"""The application entity: what it offers senders, how many at once, and how it starts and stops.

The outermost part of the listener: below it :mod:`receive` for each object, :mod:`register` and :mod:`sweep` beside it.

References
----------
DICOM PS3.4 section B.5 (storage SOP classes), PS3.5 section 10 and Annex A (transfer syntaxes), PS3.8 section 9 (PDUs).
"""

import logging
import threading
import time
from dataclasses import dataclass

from pydicom import uid
from pynetdicom import AE, _config, evt
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.sop_class import Verification
from pynetdicom.transport import ThreadedAssociationServer

from db import log
from db.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from db.settings import SharedSettings
from dicom_listener.accept import SECONDARY_CAPTURES
from dicom_listener.outage import BROKER_ERRORS, DATABASE_ERRORS, Outage
from dicom_listener.receive import association_fields, handle_store
from dicom_listener.register import Registrar
from dicom_listener.settings import ListenerSettings
from dicom_listener.state_machine import quieten, set_state_machine
from dicom_listener.store import Store
from dicom_listener.sweep import Sweep

# Of multi-frame captures, too, none is assessed; but a sender that may send them gets a reason in the database, not a
# presentation context refused, which many take for a fault of the network.
STORAGE_CLASSES = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    *SECONDARY_CAPTURES,
)
TRANSFER_SYNTAXES = [
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
]
_POLL_SECONDS = 0.05

_log = log.get(__name__)


@dataclass(frozen=True)
class Listener:
    """A listener that runs."""

    server: ThreadedAssociationServer
    registrar: Registrar
    sweep: Sweep

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return int(self.server.server_address[1])

    def stop(self, timeout_seconds: float) -> None:
        """Accept no more, let associations and rows under way finish, and abort what takes longer."""
        deadline = time.monotonic() + timeout_seconds
        self.server.shutdown()
        while self.server.active_associations and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        for association in self.server.active_associations:
            association.abort()
        self.sweep.stop(max(deadline - time.monotonic(), _POLL_SECONDS))
        self.registrar.stop(max(deadline - time.monotonic(), _POLL_SECONDS))


def start(settings: ListenerSettings, shared: SharedSettings) -> Listener:
    """Prepare the store and start to listen.

    Parameters
    ----------
    settings
        The listener's.
    shared
        The settings shared by all processes.

    Raises
    ------
    SettingsError
        When the store cannot be written to.
    OSError
        When the address cannot be bound, because the port is taken or the host is not this machine's.
    """
    store = Store(shared.store)
    store.prepare()
    database, broker = Outage("database", DATABASE_ERRORS), Outage("broker", BROKER_ERRORS)
    registrar = Registrar(store, settings, shared, database, broker)
    sweep = Sweep(store, registrar, settings.sweep_seconds, database, broker)
    server = _server(settings, store, registrar)
    registrar.start()
    sweep.start()
    threading.Thread(target=server.serve_forever, name="acceptor", daemon=True).start()
    return Listener(server, registrar, sweep)


def _server(settings: ListenerSettings, store: Store, registrar: Registrar) -> ThreadedAssociationServer:
    # Its own handlers would log every message of every object, and its warnings quote what a sender put for a UID.
    _config.LOG_HANDLER_LEVEL = "none"
    logging.getLogger("pynetdicom").setLevel(logging.ERROR)
    quieten()
    entity = AE(settings.ae_title)
    entity.implementation_class_uid = uid.UID(IMPLEMENTATION_CLASS_UID)
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.maximum_associations = settings.max_associations
    entity.maximum_pdu_size = settings.max_pdu_bytes
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = settings.network_timeout_seconds
    entity.add_supported_context(Verification)
    for storage_class in STORAGE_CLASSES:
        entity.add_supported_context(storage_class, TRANSFER_SYNTAXES)
    handlers: list[EventHandlerType] = [
        (evt.EVT_C_STORE, handle_store, [store, registrar]),
        (evt.EVT_CONN_OPEN, set_state_machine),
        (evt.EVT_CONN_OPEN, _limit_silence, [settings.network_timeout_seconds]),
        (evt.EVT_ACCEPTED, _log_association, ["association_accepted"]),
        (evt.EVT_REJECTED, _log_association, ["association_rejected"]),
        (evt.EVT_RELEASED, _log_association, ["association_released"]),
        (evt.EVT_ABORTED, _log_association, ["association_aborted"]),
    ]
    address = (settings.listener_host, settings.listener_port)
    server = entity.make_server(address, evt_handlers=handlers, server_class=ThreadedAssociationServer)
    entity._servers.append(server)  # its shutdown() takes it out again, but only start_server() puts it in
    return server


def _limit_silence(event: Event, timeout_seconds: float) -> None:
    """Bound each wait for bytes: pynetdicom's own timeouts do not end a PDU that was begun and never finished."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.settimeout(timeout_seconds)


def _log_association(event: Event, name: str) -> None:
    _log.info(name, **association_fields(event))
