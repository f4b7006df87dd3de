"""A stored object's file while it is being written: under a name of its own, until all of it is on the disk.

Begun by :mod:`store`; of a long object already while :mod:`messages` receives it, so that what is being received is
held on the disk and not in memory.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from db import fault
from dicom_listener.durable import write_all


class Part:
    """The file. Whoever does not keep it must discard it; if its process dies, the sweep does.

    Parameters
    ----------
    folder
        Where it is written; on the file system where it is to be kept.
    header
        What stands before the data set.

    Raises
    ------
    OSError
        When the disk is full or fails; nothing is left behind.
    """

    def __init__(self, folder: Path, header: bytes) -> None:
        self.header = header
        self._digest = hashlib.sha256()
        self._descriptor, name = tempfile.mkstemp(".part", dir=folder)
        self._path = Path(name)
        try:
            write_all(self._descriptor, header)
        except BaseException:
            self.discard()
            raise

    @property
    def sha256(self) -> str:
        """The digest of the data set so far."""
        return self._digest.hexdigest()

    def write(self, data: bytes | memoryview) -> None:
        """Append to the data set.

        Raises
        ------
        OSError
            When the disk is full or fails.
        """
        write_all(self._descriptor, data)
        self._digest.update(data)

    def keep_as(self, path: Path) -> None:
        """Give the file its name once its bytes are on the disk; to fsync the folder is left to the caller.

        Raises
        ------
        OSError
            When the disk fails.
        """
        os.fchmod(self._descriptor, 0o640)
        fault.point("before_fsync")
        os.fsync(self._descriptor)
        fault.point("before_rename")
        self._path.rename(path)
        fault.point("after_rename")
        self._close()

    def discard(self) -> None:
        """Remove the file; nothing happens where it is kept, or discarded already."""
        if self._descriptor >= 0:
            self._close()
            with suppress(OSError):  # the sweep tries again
                self._path.unlink()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Discard what was not kept."""
        self.discard()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)
