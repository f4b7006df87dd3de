"""The application entity: what it offers senders, and how it starts and stops.

Below it :mod:`connections` for whoever comes, :mod:`receive` for each object; :mod:`register` and :mod:`sweep` beside.

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
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from db import log
from db.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from db.settings import SharedSettings
from dicom_listener.accept import SECONDARY_CAPTURES
from dicom_listener.commitment.asked import handle_report, refuse_action
from dicom_listener.commitment.left_open import LeftOpen
from dicom_listener.commitment.request import handle_action
from dicom_listener.commitment.service import StorageCommitment
from dicom_listener.connections import Connections
from dicom_listener.memory import check_room
from dicom_listener.outage import BROKER_ERRORS, DATABASE_ERRORS, Outage
from dicom_listener.places import Share
from dicom_listener.receive import association_fields, handle_store
from dicom_listener.refusals import LibraryErrors, Refusals, note_rejection
from dicom_listener.register import Registrar
from dicom_listener.retention import Retention
from dicom_listener.settings import ListenerSettings
from dicom_listener.store import Store
from dicom_listener.sweep import Sweep
from dicom_listener.tls import certificates

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

    server: Connections
    registrar: Registrar
    sweep: Sweep | None
    commitment: StorageCommitment | LeftOpen | None

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
        for beside in (self.commitment, self.sweep):
            if beside is not None:
                beside.stop(max(deadline - time.monotonic(), _POLL_SECONDS))
        self.registrar.stop(max(deadline - time.monotonic(), _POLL_SECONDS))


def start(settings: ListenerSettings, shared: SharedSettings, share: Share | None = None) -> Listener:
    """Prepare the store and start to listen.

    Parameters
    ----------
    settings
        The listener's.
    shared
        The settings shared by all processes.
    share
        What this process of several shares with the others; None where it is the only one. The sweep runs in the first.

    Raises
    ------
    SettingsError
        When the store or a certificate cannot be used.
    OSError
        When the address cannot be bound, because the port is taken or the host is not this machine's.
    """
    check_room(settings.receive_memory_bytes, shared.max_object_bytes, settings.listener_processes if share else 1)
    store = Store(shared.store)
    store.prepare()
    database, broker = Outage("database", DATABASE_ERRORS), Outage("broker", BROKER_ERRORS)
    registrar = Registrar(store, settings, shared, database, broker)
    is_committing = settings.storage_commitment
    commitment = StorageCommitment(settings, store, STORAGE_CLASSES, database) if is_committing else None
    is_first = share is None or share.number == 0
    retention = Retention(store.root, settings.retention_days)
    sweep = Sweep(store, registrar, retention, settings.sweep_seconds, database=database, broker=broker)
    left_open = LeftOpen(settings.sweep_seconds, database)
    server = _server(
        settings, shared.max_object_bytes, store, registrar, database=database, commitment=commitment, share=share
    )
    listener = Listener(server, registrar, sweep if is_first else None, commitment or (left_open if is_first else None))
    for service in (registrar, listener.sweep, listener.commitment):
        if service is not None:
            service.start()
    threading.Thread(target=server.serve_forever, name="acceptor", daemon=True).start()
    return listener


def _server(
    settings: ListenerSettings,
    max_object_bytes: int,
    store: Store,
    registrar: Registrar,
    *,
    database: Outage,
    commitment: StorageCommitment | None,
    share: Share | None,
) -> Connections:
    # Its own handlers would log every message of every object, and its warnings quote what a sender put for a UID.
    _config.LOG_HANDLER_LEVEL = "none"
    refusals = Refusals()
    library = logging.getLogger("pynetdicom")
    library.setLevel(logging.ERROR)
    library.handlers, library.propagate = [LibraryErrors(refusals)], False
    entity = AE(settings.ae_title)
    entity.implementation_class_uid = uid.UID(IMPLEMENTATION_CLASS_UID)
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.require_calling_aet = list(settings.calling_ae_titles)
    entity.require_called_aet = settings.require_called_ae_title
    entity.maximum_associations = settings.max_associations
    entity.maximum_pdu_size = settings.max_pdu_bytes
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = settings.network_timeout_seconds
    entity.add_supported_context(Verification)
    for storage_class in STORAGE_CLASSES:
        entity.add_supported_context(storage_class, TRANSFER_SYNTAXES)
    handlers: list[EventHandlerType] = [
        (evt.EVT_C_STORE, handle_store, [store, registrar]),
        (evt.EVT_ACCEPTED, _log_association, ["association_accepted"]),
        (evt.EVT_REJECTED, note_rejection, [settings, refusals]),
        (evt.EVT_RELEASED, _log_association, ["association_released"]),
        (evt.EVT_ABORTED, _log_association, ["association_aborted"]),
    ]
    if commitment is not None or settings.destinations:
        # Whoever asks is the user; whoever reports on what we asked for, the provider.
        entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=bool(settings.destinations))
        handlers.append((evt.EVT_N_EVENT_REPORT, handle_report, [database]))
    if commitment is not None:
        handlers.append((evt.EVT_N_ACTION, handle_action, [commitment.conversations, commitment.database]))
    elif settings.destinations:
        handlers.append((evt.EVT_N_ACTION, refuse_action))
    address = (settings.listener_host, settings.listener_port)
    limits = {"settings": settings, "store": store, "max_object_bytes": max_object_bytes}
    doors = {"certificates": certificates(settings), "refusals": refusals, "share": share}
    server: Connections = entity.make_server(
        address, evt_handlers=handlers, server_class=Connections, **limits, **doors
    )
    entity._servers.append(server)  # its shutdown() takes it out again, but only start_server() puts it in
    return server


def _log_association(event: Event, name: str) -> None:
    _log.info(name, **association_fields(event))
