"""Open a stored file as a DICOM data set, within bounds.

Before: the listener wrote the object to disk as it came. After: ``worker.image_pixel`` checks what kind of image it is.
"""

import io
from pathlib import Path
from typing import Final

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

from db.bounded import bounded, check_nesting, inflated, is_longer
from db.errors import RejectedRadiographError, TransientError
from worker.attributes import rejecting
from worker.limits import Limits

_FILE_META_GROUP: Final = 0x0002
_LONGEST_UID_BYTES: Final = 64  # PS3.5 table 6.2-1
_UNDEFINED_LENGTH: Final = 0xFFFFFFFF

_NOT_DICOM: Final = (
    "The file is not a readable DICOM file; expected a preamble, the letters DICM, file meta information and a data "
    "set. It is damaged, cut off or something else: send the original again."
)


def open_stored_object(path: Path, limits: Limits) -> Dataset:
    """Parse a stored file; the elements' values, pixel data among them, stay the bytes they are.

    Parameters
    ----------
    path
        A DICOM file with preamble and file meta information.
    limits
        How large the object may be.

    Returns
    -------
    Dataset
        The data set with its file meta information, in memory: the file is closed.

    Raises
    ------
    RejectedRadiographError
        When the file is empty, too large, no DICOM file, or cut off.
    TransientError
        When the file cannot be read from disk.
    """
    with _opened(path, limits) as file, rejecting(_NOT_DICOM):
        try:
            dataset = _parsed(file, limits)
        except OSError as error:
            # pydicom raises OSError, too, where the data end too early; the system's own have a number.
            if error.errno is None:
                raise
            raise _unreadable(error) from error
    _check_whole(dataset)
    return dataset


def _opened(path: Path, limits: Limits) -> io.FileIO:
    try:
        size_bytes = path.stat().st_size
        if not 0 < size_bytes <= limits.maximum_bytes:
            raise RejectedRadiographError(
                f"The file has {size_bytes} bytes; expected 1 to {limits.maximum_bytes}. Send one radiograph, whole."
            )
        return io.FileIO(path)
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> TransientError:
    return TransientError(f"The stored object cannot be read ({error.strerror}): check the store.")


def _parsed(file: io.FileIO, limits: Limits) -> Dataset:
    with bounded(file, limits.bounds) as reader:
        read_preamble(reader, force=False)
        meta = read_dataset(
            reader, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, *_: tag.group != _FILE_META_GROUP
        )
        if is_longer(meta, "TransferSyntaxUID", _LONGEST_UID_BYTES):
            raise ValueError("a transfer syntax of many values")
        if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            content = io.BytesIO(_inflated(reader, limits))
            with bounded(content, limits.bounds) as inflated_reader:
                dataset = read_dataset(inflated_reader, is_implicit_VR=False, is_little_endian=True)
            dataset.file_meta = FileMetaDataset(meta)
        else:
            reader.seek(0)
            dataset = pydicom.dcmread(reader)
    check_nesting(dataset, limits.bounds)
    return dataset


def _inflated(reader: io.BufferedReader, limits: Limits) -> bytes:
    content = bytearray()
    for piece in inflated(reader):
        content += piece
        if len(content) > limits.maximum_decoded_bytes:
            raise RejectedRadiographError(
                f"The deflated data set holds more than {limits.maximum_decoded_bytes} bytes. Send one radiograph, "
                "whole."
            )
    return bytes(content)


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
