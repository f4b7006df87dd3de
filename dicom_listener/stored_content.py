"""A stored file's header, and what a stored file is by its header and its bytes.

For :mod:`store`, before it takes a file that is there for the bytes that were sent: it may be damaged.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from db.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_listener.header import read_meta

_PREAMBLE = bytes(128) + b"DICM"
# The group length element's value, which counts the bytes of file meta information after itself (PS3.10 section 7.1).
_GROUP_LENGTH_AT, _GROUP_LENGTH_ENDS_AT = 140, 144


class Content(NamedTuple):
    """An object as its header and its data set make it."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    sha256: str

    @classmethod
    def of(cls, meta: FileMetaDataset, sha256: str) -> "Content":
        """Return what a header and its data set's digest make."""
        return cls(
            str(meta.MediaStorageSOPClassUID),
            str(meta.MediaStorageSOPInstanceUID),
            str(meta.TransferSyntaxUID),
            sha256,
        )


def read_content(path: Path) -> Content | None:
    """Return what a stored file is, from its bytes; None where it is none, or is not there."""
    try:
        return Content.of(read_meta(path), data_set_sha256(path))
    except Exception:  # noqa: BLE001  a damaged header makes pydicom raise anything, a failing disk an OSError: it is none
        return None


def data_set_sha256(path: Path) -> str:
    """Return the digest of a stored file behind its header.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    with path.open("rb") as file:
        file.seek(_GROUP_LENGTH_AT)
        group_length = int.from_bytes(file.read(_GROUP_LENGTH_ENDS_AT - _GROUP_LENGTH_AT), "little")
        file.seek(_GROUP_LENGTH_ENDS_AT + group_length)
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_meta(
    sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, calling_ae_title: str
) -> FileMetaDataset:
    """Return the file meta information of an object that is to be stored; its own UIDs are looked at later."""
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0  # set when it is written
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    meta.SourceApplicationEntityTitle = calling_ae_title
    return meta


def encoded_header(meta: FileMetaDataset) -> bytes:
    """Return what stands before a data set in its file."""
    encoded = DicomBytesIO()
    write_file_meta_info(encoded, meta)
    return _PREAMBLE + encoded.getvalue()
