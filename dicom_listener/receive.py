"""The C-STORE handler, and the only place that knows the order: check, store durably, offer to the registrar, answer.

Before it pynetdicom, after it :mod:`store` and :mod:`register`. Nothing is decoded here.

References
----------
DICOM PS3.4 section B.2.3 (statuses), PS3.7 section 9.1.1 (C-STORE).
"""

import time

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID
from pynetdicom.events import Event
from structlog.contextvars import bound_contextvars

from db import fault, log
from db.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_listener.messages import ReceivedObject
from dicom_listener.register import Registrar
from dicom_listener.statuses import RefusedObjectError, Status, WrongSOPClassError, response, response_for
from dicom_listener.store import Store

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
    if isinstance(received, ReceivedObject) and received.refusal:
        raise received.refusal
    data_set = event.encoded_dataset(include_meta=False) if received else b""
    if not data_set:
        raise RefusedObjectError("the C-STORE request holds no data set")
    path = store.keep(meta, data_set)
    registrar.offer(path)
    fault.point("before_answer")
    _log.info(
        "object_stored",
        sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        size_bytes=len(data_set),
        duration_ms=round((time.perf_counter() - began) * 1000, 1),
    )
    return response(Status.SUCCESS)


def _file_meta(event: Event) -> FileMetaDataset:
    """Return the header of the file to be written; the data set's own UIDs are compared when it is registered."""
    if event.request.AffectedSOPClassUID != event.context.abstract_syntax:
        raise WrongSOPClassError("SOP class differs from the presentation context's")
    meta: FileMetaDataset = event.file_meta
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    meta.SourceApplicationEntityTitle = event.assoc.requestor.ae_title
    return meta
