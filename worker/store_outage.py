"""A store that is away is nobody's attempt; one file that is missing or not ours to read is its radiograph's.

Around every reading and writing of the store by ``worker.standardise`` and ``worker.assess``.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from db.errors import DISK_IS_FULL, OutageError, TransientError

# What a disk, or the network before it, says when it has gone or fails.
_AWAY: Final = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.ENOTCONN,
        errno.ENODEV,
        errno.ENXIO,
        errno.EROFS,
        errno.EREMOTEIO,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
    }
)


@contextmanager
def told_apart(store: Path) -> Iterator[None]:
    """Run a block that reads or writes files of the store; what goes wrong with the store itself is an outage.

    Parameters
    ----------
    store
        The store's folder.

    Raises
    ------
    OutageError
        When the store is away or full. Every other error goes on unchanged.
    """
    try:
        yield
    except OutageError:
        raise
    except (OSError, TransientError) as error:
        original = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(original, OSError):
            raise
        if original.errno in DISK_IS_FULL:
            raise OutageError("the disk is full: make room in CARPUS_STORE") from error
        if original.errno in _AWAY or not _is_there(store):
            raise OutageError(
                f"the store cannot be used ({original.strerror}): check that the file system of CARPUS_STORE is "
                "mounted and lets this process in"
            ) from error
        raise


def _is_there(store: Path) -> bool:
    """Return whether the objects' folder, which the listener makes, can be searched; a bare mount point has none."""
    try:
        with os.scandir(store / "objects"):
            return os.access(store / "objects", os.X_OK)
    except OSError:
        return False
