"""What senders were promised, held against what SQL and the store show."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg
from pydicom.filereader import read_file_meta_info

from db.vocabulary import State
from tests.faults.archives import Archive, compare

_FOUND = """
SELECT r.sop_instance_uid, r.state, r.ended_at, r.object_path, r.sha256,
       (SELECT count(*) FROM radiograph AS o WHERE o.sop_instance_uid = r.sop_instance_uid) AS revisions,
       (SELECT count(*) FROM assessment AS a WHERE a.radiograph_id = r.id) AS assessments,
       (SELECT count(DISTINCT model_version_id) FROM assessment AS a WHERE a.radiograph_id = r.id) AS models
FROM radiograph AS r WHERE r.superseded_at IS NULL AND r.sop_instance_uid = ANY(%s)
"""
_UNDER_WAY = """
SELECT count(*) FROM delivery AS d JOIN assessment AS a ON a.id = d.assessment_id
JOIN radiograph AS r ON r.id = a.radiograph_id
WHERE r.sop_instance_uid = ANY(%s) AND d.destination LIKE %s AND d.due_at IS NOT NULL
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
        Those without a row, without an end, without their bytes in the store, completed without an assessment, or whose
        report or picture an archive lacks.
    doubled
        Those with more than one row for what was sent, more than one assessment by one model version, or another
        content under the SOP Instance UID of a report or picture; and objects that no row knows.
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
        self.corrected: set[str] = set()  # SOP Instance UIDs that were sent with another content, too
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

    def undelivered(self, connection: psycopg.Connection, destination: str = "%") -> int:
        """Return how many of their reports and pictures have not reached an end state, for one archive or for all."""
        waiting = connection.execute(_UNDER_WAY, [self.uids(), destination]).fetchone()
        assert waiting is not None
        return int(waiting[0])

    def balance(self, connection: psycopg.Connection, store: Path, archives: Mapping[str, Archive]) -> Balance:
        """Compare the promises with rows, files and what the archives received."""
        rows = connection.execute(_FOUND, [self.uids()]).fetchall()
        lost, doubled, states = set(self.uids()), set[str](), dict[str, int]()
        for uid, state, ended_at, object_path, digest, revisions, assessments, models in rows:
            states[state] = states.get(state, 0) + 1
            if ended_at and digest == _digest(store / object_path) and (state != State.COMPLETED or assessments):
                lost.discard(uid)
            if revisions > 1 + (uid in self.corrected) or assessments > models:
                doubled.add(uid)
        missing, differing = compare(connection, self.uids(), archives)
        return Balance(
            len(self._promised),
            sum(1 for row in rows if row[2]),
            frozenset(lost | missing),
            frozenset(doubled | differing),
            states,
        )


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a stored object's data set, which stands behind the header that the listener wrote."""
    if not path.is_file():
        return None
    length = int(read_file_meta_info(path).FileMetaInformationGroupLength)
    return sha256(path.read_bytes()[_GROUP_LENGTH_ENDS_AT + length :]).hexdigest()
