"""Files of the store are removed for good: what is gone stays gone, also after a power cut.

For :mod:`retention` and ``carpus forget``, which remove the files first and commit the change of their rows after them:
killed in between, the rows still name what was removed, and the next time finishes it.
"""

import os
from collections.abc import Iterable
from pathlib import Path


def remove_files(paths: Iterable[Path]) -> int:
    """Remove files durably.

    Parameters
    ----------
    paths
        What to remove; what is not there is passed over.

    Returns
    -------
    int
        How many there were.

    Raises
    ------
    OSError
        When one cannot be removed; those before it are gone.
    """
    removed = [path for path in paths if _unlink(path)]
    for folder in {path.parent for path in removed}:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return len(removed)


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
