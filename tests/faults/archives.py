"""Two archives with a front before each, and what they received held against what SQL says of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from carpus.ports import LOOPBACK, free_port
from db.vocabulary import DeliveryState, ResultObject
from tests.front import Front
from tests.pacs import Pacs, running

FIRST, SECOND = "FIRST", "SECOND"
_PLANNED = """
SELECT r.sop_instance_uid, a.superseded_at IS NOT NULL, d.destination, d.object, d.sop_instance_uid, d.state
FROM radiograph AS r JOIN assessment AS a ON a.radiograph_id = r.id LEFT JOIN delivery AS d ON d.assessment_id = a.id
WHERE r.sop_instance_uid = ANY(%s)
"""


@dataclass(frozen=True)
class Archive:
    """An archive, and the front by which it is reached."""

    pacs: Pacs
    front: Front

    @property
    def address(self) -> str:
        """Where results go."""
        return f"{LOOPBACK}:{self.front.port}"


@contextmanager
def archives() -> Iterator[dict[str, Archive]]:
    """Run two archives, the first of which commits to what it keeps; return them by AE title."""
    first, second = (Pacs(free_port(), keeps_objects=False) for _ in (FIRST, SECOND))
    with (
        running(first, ae_title=FIRST),
        running(second, ae_title=SECOND, commits=False),
        Front(first.port).there() as before_first,
        Front(second.port).there() as before_second,
    ):
        yield {FIRST: Archive(first, before_first), SECOND: Archive(second, before_second)}


def compare(
    connection: psycopg.Connection, uids: Sequence[str], archives: Mapping[str, Archive]
) -> tuple[set[str], set[str]]:
    """Compare the rows of deliveries with what archives received.

    Parameters
    ----------
    connection
        To the database.
    uids
        SOP Instance UIDs of radiographs.
    archives
        By AE title.

    Returns
    -------
    missing : set of str
        Radiographs whose report or picture an archive lacks, or of which SQL does not say that it has it.
    differing : set of str
        Those of which an object was received with two contents; and SOP Instance UIDs that no row knows.
    """
    rows = connection.execute(_PLANNED, [uids]).fetchall()
    wanted = {(destination, str(kind)) for destination in archives for kind in ResultObject}
    found: dict[str, set[tuple[str, str]]] = {row[0]: set() for row in rows if not row[1]}
    missing, differing = set[str](), set[str]()
    for uid, is_superseded, destination, kind, object_uid, state in rows:
        if destination is None:
            continue
        if not is_superseded:
            found[uid].add((destination, kind))
        if not _is_true(state, is_superseded, is_there=object_uid in archives[destination].pacs.digests):
            missing.add(uid)
        if len(_contents(archives, object_uid)) > 1:
            differing.add(uid)
    missing |= {uid for uid, objects in found.items() if objects != wanted}
    return missing, differing | _strangers(connection, archives)


def _is_true(state: str, is_superseded: bool, *, is_there: bool) -> bool:
    return is_there if state == DeliveryState.DELIVERED else is_superseded and state == DeliveryState.WITHDRAWN


def _contents(archives: Mapping[str, Archive], object_uid: str) -> set[str]:
    """Return the digests of all data sets that any archive received under a UID, which is the same for all."""
    return {digest for archive in archives.values() for digest in archive.pacs.digests.get(object_uid, ())}


def _strangers(connection: psycopg.Connection, archives: Mapping[str, Archive]) -> set[str]:
    known = {row[0] for row in connection.execute("SELECT sop_instance_uid FROM delivery").fetchall()}
    return {uid for archive in archives.values() for uid in archive.pacs.digests} - known
