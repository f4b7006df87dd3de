"""Finds what is to be sent: DICOM files as they are, and folders of PNGs with a ``labels.csv``.

After it: ``carpus.send``.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from carpus import labelled
from carpus.outgoing import Outgoing, Unsendable

# (is implicit VR, is little endian) of a data set without file meta information; PS3.5 section 10
_BARE_SYNTAXES: dict[tuple[bool | None, bool | None], UID] = {
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}


def gather(paths: Iterable[Path]) -> Iterator[Outgoing | Unsendable]:
    """Find what is to be sent under files and folders, in the order of their names.

    Parameters
    ----------
    paths
        DICOM files; folders of them, searched to any depth; folders of PNGs with a ``labels.csv``.

    Yields
    ------
    Outgoing or Unsendable
        One for each file.

    Raises
    ------
    NotSendableError
        When a ``labels.csv`` is not what it should be.
    """
    for path in paths:
        if labelled.has_labels(path):
            yield from labelled.pictures(path)
        elif path.is_dir():
            yield from map(_dicom_file, sorted(file for file in path.rglob("*") if file.is_file()))
        else:
            yield _dicom_file(path)


def _dicom_file(path: Path) -> Outgoing | Unsendable:
    try:
        meta = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]).file_meta
    except OSError as error:
        return Unsendable(str(path), error.strerror or "cannot be read")
    except InvalidDicomError:
        return _bare_data_set(path)
    except Exception as error:  # noqa: BLE001  pydicom raises almost anything for a damaged file
        return Unsendable(str(path), f"its header cannot be read ({type(error).__name__})")
    uids = [meta.get(f"{name}UID") for name in ("MediaStorageSOPClass", "TransferSyntax", "MediaStorageSOPInstance")]
    if not all(uids):
        return Unsendable(str(path), "its file meta information does not say what it is")
    return Outgoing(str(path), UID(uids[0]), UID(uids[1]), lambda: path)


def _bare_data_set(path: Path) -> Outgoing | Unsendable:
    """Take a data set without file meta information, as older archives hold them, if it says what it is."""
    try:
        image = dcmread(path, force=True)
        sop_class_uid, _ = UID(image.SOPClassUID), UID(image.SOPInstanceUID)
        image.file_meta.TransferSyntaxUID = _BARE_SYNTAXES[image.original_encoding]
    except Exception:  # noqa: BLE001  as above
        return Unsendable(str(path), "not a DICOM file")
    return Outgoing(str(path), sop_class_uid, image.file_meta.TransferSyntaxUID, lambda: image)
