"""Files and folders so that they are still there after a power cut: written whole, linked, fsynced.

Used by :mod:`store`, which knows what they mean.
"""

import os
from pathlib import Path


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of it, or fail."""
    rest = memoryview(data)
    while rest:  # a disk that fills up takes a part first, and fails on the next call
        rest = rest[os.write(descriptor, rest) :]


def link(source: Path, target: Path) -> bool:
    """Link a file; return whether the source was there.

    Raises
    ------
    FileExistsError
        When the target is there already.
    """
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        return False
    return True


def put_in_place(source: Path, target: Path, by_way_of: Path) -> None:
    """Let another file's place be a link to this one, at once, and durably.

    Parameters
    ----------
    source
        What stays under its own name, too.
    target
        What is replaced.
    by_way_of
        A name on the same file system that nobody else uses; free again afterwards.
    """
    by_way_of.unlink(missing_ok=True)  # from one that was killed here
    by_way_of.hardlink_to(source)
    by_way_of.rename(target)
    fsync_folder(target.parent)


def make_folder(folder: Path) -> None:
    """Create a folder, durably, unless it is there."""
    if not folder.is_dir():
        folder.mkdir(mode=0o750, exist_ok=True)
        fsync_folder(folder.parent)


def fsync_folder(folder: Path) -> None:
    """Write a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
