"""The standard radiograph on disk: written whole or not at all, and known by its digest.

Before: ``worker.read`` made the array. After: ``worker.assess`` loads it, maybe later and under another model.
"""

import hashlib
import os
from collections.abc import Collection
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import numpy.typing as npt

from db.errors import TransientError
from db.vocabulary import Note


class LostRadiographError(TransientError):
    """The standard radiograph is gone or changed; reading the stored object again makes a new one."""


def negative(radiograph: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Return a radiograph, (rows, columns) uint16, with dark and bright exchanged. The input is not changed."""
    return np.iinfo(np.uint16).max - radiograph


def mirrored(radiograph: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Return a radiograph, (rows, columns) uint16, with left and right exchanged. The input is not changed."""
    return np.ascontiguousarray(radiograph[:, ::-1])


def as_shown(radiograph: npt.NDArray[np.uint16], notes: Collection[str]) -> npt.NDArray[np.uint16]:
    """Return a radiograph as a reader shall see it: a negative inverted, and the hand as it came.

    Parameters
    ----------
    radiograph
        The standard one, (rows, columns) uint16. Not changed.
    notes
        Of its assessment.
    """
    return negative(radiograph) if Note.INVERTED in notes else radiograph


def as_assessed(radiograph: npt.NDArray[np.uint16], notes: Collection[str]) -> npt.NDArray[np.uint16]:
    """Return a radiograph as the network saw it before preprocessing: a negative inverted, a right hand mirrored.

    Parameters
    ----------
    radiograph
        The standard one, (rows, columns) uint16. Not changed.
    notes
        Of its assessment.
    """
    shown = as_shown(radiograph, notes)
    return mirrored(shown) if is_mirrored(notes) else shown


def is_mirrored(notes: Collection[str]) -> bool:
    """Return whether a radiograph with these notes was assessed mirrored."""
    return any(Note(note).is_mirrored for note in notes)


def save(radiograph: npt.NDArray[np.uint16], path: Path, incoming: Path) -> str:
    """Write a standard radiograph durably under its final name, which holds the old file or the whole new one.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright. Not changed.
    path
        Where to, ending in ``.npy``; its folder is made, a file there is replaced.
    incoming
        Folder of unfinished files on the same file system, which the sweep keeps clean; made where it is missing.

    Returns
    -------
    str
        The file's SHA-256, hexadecimal.

    Raises
    ------
    OSError
        When the disk is full or fails; nothing is left behind.
    """
    buffer = BytesIO()
    np.save(buffer, radiograph, allow_pickle=False)
    _write(buffer.getbuffer(), path, incoming)
    return hashlib.sha256(buffer.getbuffer()).hexdigest()


def load(path: Path, sha256: str) -> npt.NDArray[np.uint16]:
    """Load a standard radiograph.

    Parameters
    ----------
    path
        Where :func:`save` put it.
    sha256
        The digest that it returned.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint16, bone bright, in memory.

    Raises
    ------
    LostRadiographError
        When the file is missing or another: the stored object has to be read again.
    OSError
        When it cannot be read from disk.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise LostRadiographError(f"The standard radiograph {path.name} is missing: read the object again.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise LostRadiographError(f"The standard radiograph {path.name} has changed: read the object again.")
    return np.asarray(np.load(BytesIO(content), allow_pickle=False), np.uint16)


def _write(content: memoryview, path: Path, incoming: Path) -> None:
    for folder in (path.parent, incoming):
        folder.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=incoming, suffix=".part", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, which lives in the folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
