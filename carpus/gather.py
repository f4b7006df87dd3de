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

_NEEDED_META = ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID")
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
            for file in sorted(file for file in path.rglob("*") if file.is_file()):
                yield _dicom_file(file, str(file.relative_to(path.parent)))
        else:
            yield _dicom_file(path, str(path))


def _dicom_file(path: Path, name: str) -> Outgoing | Unsendable:
    try:
        meta = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]).file_meta
    except OSError as error:
        return Unsendable(name, error.strerror or "cannot be read")
    except InvalidDicomError:
        return _bare_data_set(path, name)
    except Exception as error:  # noqa: BLE001  pydicom raises almost anything for a damaged file
        return Unsendable(name, f"its header cannot be read ({type(error).__name__})")
    missing = [keyword for keyword in _NEEDED_META if not meta.get(keyword)]
    if missing:
        return Unsendable(name, f"its file meta information lacks {', '.join(missing)}")
    return Outgoing(name, UID(meta.MediaStorageSOPClassUID), UID(meta.TransferSyntaxUID), lambda: path)


def _bare_data_set(path: Path, name: str) -> Outgoing | Unsendable:
    """Take a data set without preamble, as older archives hold them, if it says what it is."""
    try:
        image = dcmread(path, force=True)
        sop_class_uid = UID(image.SOPClassUID)
        image.file_meta.setdefault("TransferSyntaxUID", _BARE_SYNTAXES.get(image.original_encoding))
    except Exception:  # noqa: BLE001  as above
        return Unsendable(name, "not a DICOM file")
    if not image.get("SOPInstanceUID"):
        return Unsendable(name, "it lacks SOPInstanceUID (0008,0018)")
    return Outgoing(name, sop_class_uid, UID(image.file_meta.TransferSyntaxUID), lambda: image)
