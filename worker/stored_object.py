"""Open a stored file as a DICOM data set, within bounds.

Before: the listener wrote the object to disk as it came. After: ``worker.image_pixel`` checks what kind of image it is.
"""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Final

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

from db.errors import RejectedRadiographError, TransientError
from worker.attributes import rejecting
from worker.limits import Limits

_FILE_META_GROUP: Final = 0x0002
_UNDEFINED_LENGTH: Final = 0xFFFFFFFF
_CHUNK_BYTES: Final = 2**20

_NOT_DICOM: Final = (
    "The file is not a readable DICOM file; expected a preamble, the letters DICM, file meta information and a data "
    "set. It is damaged, cut off or something else: send the original again."
)


def open_stored_object(path: Path, limits: Limits) -> FileDataset:
    """Parse a stored file; the elements' values, pixel data among them, stay the bytes they are.

    Parameters
    ----------
    path
        A DICOM file with preamble and file meta information.
    limits
        How large the object may be.

    Returns
    -------
    FileDataset
        The data set, in memory: the file is closed.

    Raises
    ------
    RejectedRadiographError
        When the file is empty, too large, no DICOM file, or cut off.
    TransientError
        When the file cannot be read from disk.
    """
    content = _content(path, limits)
    with rejecting(_NOT_DICOM):
        _check_inflated_size(BytesIO(content), limits)
        dataset = pydicom.dcmread(BytesIO(content))
    _check_whole(dataset)
    return dataset


def _content(path: Path, limits: Limits) -> bytes:
    try:
        size_bytes = path.stat().st_size
        if not 0 < size_bytes <= limits.maximum_bytes:
            raise RejectedRadiographError(
                f"The file has {size_bytes} bytes; expected 1 to {limits.maximum_bytes}. Send one radiograph, whole."
            )
        return path.read_bytes()
    except OSError as error:
        raise TransientError(f"The stored object cannot be read ({error.strerror}): check the store.") from error


def _check_inflated_size(stream: BytesIO, limits: Limits) -> None:
    """Inflate a deflated data set piece by piece, keeping none: 1 MB can hold 1 GB, which pydicom would allocate."""
    read_preamble(stream, force=False)
    file_meta = read_dataset(
        stream, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, *_: tag.group != _FILE_META_GROUP
    )
    if file_meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # PS3.5 A.5: without zlib's header
    deflated, size_bytes = stream.read(), 0
    while deflated and not inflater.eof:
        size_bytes += len(inflater.decompress(deflated, _CHUNK_BYTES))
        deflated = inflater.unconsumed_tail
        if size_bytes > limits.maximum_bytes:
            raise RejectedRadiographError(
                f"The deflated data set holds more than {limits.maximum_bytes} bytes. Send one radiograph, whole."
            )


def _check_whole(dataset: Dataset) -> None:
    """Reject a file that ends within its last element, which pydicom hands out short without a word."""
    # Still as it was read: of the pixel data's, the last element's, pydicom converts nothing until asked.
    last: object = dataset.get_item(list(dataset.keys())[-1]) if len(dataset) else None
    if not isinstance(last, RawDataElement) or last.length == _UNDEFINED_LENGTH:
        return
    received_bytes = len(last.value or b"")
    if received_bytes < last.length:
        raise RejectedRadiographError(
            f"The file is cut off: its last element ({last.tag.group:04X},{last.tag.element:04X}) has {received_bytes} "
            f"bytes; expected {last.length}. Send the original again."
        )
