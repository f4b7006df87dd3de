"""Standard radiographs that no row owns are removed: a reader was killed over one that was forgotten meanwhile.

Called by :mod:`sweep`, for one of the 256 folders at a time, so that all are seen within about an hour. Names are
compared with the rows first, and only what nobody owns is looked at on disk. Few are removed in an hour: there are
hardly any, and a database that lacks rows, such as a restored or a wrong one, must not empty the store.
"""

import re
import time
from itertools import cycle
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import log
from db.session import transaction
from db.tables import Radiograph
from dicom_listener.register import lock_instance
from dicom_listener.removal import remove_files

ROUND_SECONDS = 3_600.0
MOST_IN_A_ROUND = 100
# Since it was written: far longer than a reader needs from there to its row.
UNTOUCHED_SECONDS = 3_600.0
_FOLDERS = [f"{first_byte:02x}" for first_byte in range(256)]
_BATCH = 500  # names in one question to the database
_NAME = re.compile(r"(?P<uid>[0-9.]{1,64})\.[0-9]{1,9}\.npy")

_log = log.get(__name__)


class Unowned:
    """Removes the standard radiographs that no row owns.

    Parameters
    ----------
    store
        The store's folder.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._folders = cycle(_FOLDERS)
        self._due_at = 0.0
        self._left = MOST_IN_A_ROUND

    def remove_some(self) -> int:
        """Look through the next folder, where it is time for one, and return how many files were removed.

        Raises
        ------
        TransientError
            When the database is away.
        OSError
            When the folder cannot be read, or a file not be removed.
        """
        if time.monotonic() < self._due_at:
            return 0
        self._due_at = time.monotonic() + ROUND_SECONDS / len(_FOLDERS)
        folder = next(self._folders)
        if folder == _FOLDERS[0]:
            self._left = MOST_IN_A_ROUND
        removed = sum(self._remove(path) for path in self._without_owner(folder)[: self._left])
        self._left -= removed
        if removed:
            _log.warning("unowned_files_removed", files=removed, is_last_of_round=self._left == 0)
        return removed

    def _without_owner(self, folder: str) -> list[str]:
        """Return the files of a folder, relative to the store, that nobody owns and nobody has written lately."""
        found = self._names(folder)
        unowned = []
        for start in range(0, len(found), _BATCH):
            some = found[start : start + _BATCH]
            with transaction() as session:
                owned = _owned(session, {uid for uid, _ in some})
            unowned += [path for _, path in some if path not in owned]
        return [path for path in unowned if _is_untouched(self._store / path)]

    def _names(self, folder: str) -> list[tuple[str, str]]:
        """Return the SOP Instance UID and the path of each standard radiograph in a folder."""
        try:
            names = [path.name for path in (self._store / "standard" / folder).iterdir()]
        except FileNotFoundError:
            return []
        matches = (_NAME.fullmatch(name) for name in names)
        return [(match["uid"], f"standard/{folder}/{match.string}") for match in matches if match]

    def _remove(self, path: str) -> int:
        """Remove one file, unless its image is being registered anew."""
        match = _NAME.fullmatch(Path(path).name)
        assert match is not None
        with transaction() as session:
            lock_instance(session, match["uid"])
            is_gone = path in _owned(session, {match["uid"]}) or not _is_untouched(self._store / path)
            return 0 if is_gone else remove_files([self._store / path])


def _owned(session: Session, uids: set[str]) -> set[str]:
    """Return the standard radiographs of some SOP instances that are theirs, made or still to be made."""
    rows = session.scalars(select(Radiograph).where(Radiograph.sop_instance_uid.in_(uids))).all()
    kept = {row.standard_path for row in rows if row.standard_path}
    return kept | {row.standard_file for row in rows if row.purged_at is None}


def _is_untouched(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - UNTOUCHED_SECONDS
    except FileNotFoundError:
        return False
