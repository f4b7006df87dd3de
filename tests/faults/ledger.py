"""What senders were promised, held against what SQL and the store show."""

import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg
from pydicom.filereader import read_file_meta_info

from db.vocabulary import State

_FOUND = """
SELECT r.sop_instance_uid, r.state, r.ended_at, r.object_path, r.sha256,
       (SELECT count(*) FROM radiograph AS o WHERE o.sop_instance_uid = r.sop_instance_uid) AS revisions,
       (SELECT count(*) FROM assessment AS a WHERE a.radiograph_id = r.id) AS assessments,
       (SELECT count(DISTINCT model_version_id) FROM assessment AS a WHERE a.radiograph_id = r.id) AS models
FROM radiograph AS r WHERE r.superseded_at IS NULL AND r.sop_instance_uid = ANY(%s)
"""
# Preamble, prefix, and the group length element that counts the bytes of the file's header after itself.
_GROUP_LENGTH_ENDS_AT = 128 + 4 + 12


@dataclass(frozen=True)
class Balance:
    """What became of the promised radiographs.

    Attributes
    ----------
    ended
        How many have a row in an end state.
    lost
        Those without a row, without an end, without their bytes in the store, or completed without an assessment.
    doubled
        Those with more than one row, or more than one assessment by one model version.
    states
        How many ended in which state.
    """

    promised: int
    ended: int
    lost: frozenset[str]
    doubled: frozenset[str]
    states: dict[str, int]


class Ledger:
    """The promises: SOP Instance UIDs that were answered Success."""

    def __init__(self) -> None:
        self._promised: set[str] = set()
        self._lock = threading.Lock()

    def promise(self, sop_instance_uid: str) -> None:
        """Note that a sender was answered Success and may delete its copy."""
        with self._lock:
            self._promised.add(sop_instance_uid)

    @property
    def promised(self) -> int:
        """How many were."""
        return len(self.uids())

    def uids(self) -> list[str]:
        """Return what was promised so far."""
        with self._lock:
            return list(self._promised)

    def unfinished(self, connection: psycopg.Connection) -> int:
        """Return how many promised radiographs have not reached an end state."""
        uids = self.uids()
        ended = connection.execute(
            "SELECT count(*) FROM radiograph"
            " WHERE superseded_at IS NULL AND ended_at IS NOT NULL AND sop_instance_uid = ANY(%s)",
            [uids],
        ).fetchone()
        assert ended is not None
        return len(uids) - int(ended[0])

    def balance(self, connection: psycopg.Connection, store: Path) -> Balance:
        """Compare the promises with rows and files."""
        rows = connection.execute(_FOUND, [self.uids()]).fetchall()
        lost, doubled, states = set(self.uids()), set(), dict[str, int]()
        for uid, state, ended_at, object_path, digest, revisions, assessments, models in rows:
            states[state] = states.get(state, 0) + 1
            if ended_at and digest == _digest(store / object_path) and (state != State.COMPLETED or assessments):
                lost.discard(uid)
            if revisions > 1 or assessments > models:
                doubled.add(uid)
        return Balance(
            len(self._promised), sum(1 for row in rows if row[2]), frozenset(lost), frozenset(doubled), states
        )


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a stored object's data set, which stands behind the header that the listener wrote."""
    if not path.is_file():
        return None
    length = int(read_file_meta_info(path).FileMetaInformationGroupLength)
    return sha256(path.read_bytes()[_GROUP_LENGTH_ENDS_AT + length :]).hexdigest()
