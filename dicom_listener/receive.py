"""The C-STORE handler, and the only place that knows the order: check, store durably, offer to the registrar, answer.

Before it pynetdicom, after it :mod:`store` and :mod:`register`. Nothing is decoded here.

References
----------
DICOM PS3.4 section B.2.3 (statuses), PS3.7 section 9.1.1 (C-STORE).
"""

import time
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pynetdicom.events import Event
from structlog.contextvars import bound_contextvars

from db import fault, log
from dicom_listener.received import ReceivedObject
from dicom_listener.register import Registrar
from dicom_listener.statuses import RefusedObjectError, Status, WrongSOPClassError, response, response_for
from dicom_listener.store import Store
from dicom_listener.stored_content import file_meta

_log = log.get(__name__)


def handle_store(event: Event, store: Store, registrar: Registrar) -> Dataset:
    """Answer a C-STORE request; Success means that the object is on disk for good.

    Parameters
    ----------
    event
        pynetdicom's ``EVT_C_STORE``.
    store
        Where the object is kept.
    registrar
        Gives it its row later.

    Returns
    -------
    Dataset
        The response's status elements.
    """
    with bound_contextvars(**association_fields(event)):
        try:
            return _store(event, store, registrar)
        except RefusedObjectError as error:
            _log.warning("object_refused", status=error.status.name, reason=str(error))
            return response_for(error)
        except Exception as error:  # noqa: BLE001  the border: whatever happened, the sender gets an answer it can act on
            _log.exception("object_not_stored")
            return response_for(error)


def association_fields(event: Event) -> dict[str, str]:
    """Return what tells one association from another in the log."""
    requestor = event.assoc.requestor
    return {"association": f"{requestor.address}:{requestor.port}", "calling_ae_title": requestor.ae_title}


def _store(event: Event, store: Store, registrar: Registrar) -> Dataset:
    began = time.perf_counter()
    meta = _file_meta(event)
    received = event.request.DataSet
    if not isinstance(received, ReceivedObject):
        raise RefusedObjectError("the C-STORE request holds no data set")
    path = _keep(meta, received, store)
    registrar.offer(path)
    fault.point("before_answer")
    _log.info(
        "object_stored",
        sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        size_bytes=received.size_bytes,
        duration_ms=round((time.perf_counter() - began) * 1000, 1),
    )
    return response(Status.SUCCESS)


def _keep(meta: FileMetaDataset, received: ReceivedObject, store: Store) -> Path:
    if received.refusal:
        raise received.refusal
    if received.part:
        return store.finish(meta, received.part)
    data_set = received.getvalue()
    if not data_set:
        raise RefusedObjectError("the C-STORE request holds no data set")
    return store.keep(meta, data_set)


def _file_meta(event: Event) -> FileMetaDataset:
    """Return the header of the file to be written; the data set's own UIDs are compared when it is registered."""
    request, context = event.request, event.context
    if request.AffectedSOPClassUID != context.abstract_syntax:
        raise WrongSOPClassError("SOP class differs from the presentation context's")
    calling_ae_title = event.assoc.requestor.ae_title
    return file_meta(
        request.AffectedSOPClassUID, request.AffectedSOPInstanceUID, context.transfer_syntax, calling_ae_title
    )
