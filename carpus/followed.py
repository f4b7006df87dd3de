"""Follows what was sent until its end, and fetches what became of it: from SQL, as anybody could.

Before it: ``carpus.send``. After it: the demonstration's table and contact sheet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import psycopg
from psycopg.rows import dict_row

from carpus.outgoing import Reference
from db.vocabulary import State

CONNECT_TIMEOUT_SECONDS = 5
_ENDS = [state.value for state in State if state.is_end]


@dataclass(frozen=True)
class Followed:
    """A radiograph that was sent: what an operator knows it by, and the columns of its row and of the view `result`."""

    name: str
    columns: Mapping[str, Any]

    @property
    def is_completed(self) -> bool:
        """Whether it has a result."""
        return bool(self.columns["state"] == State.COMPLETED)

    @property
    def error_months(self) -> float | None:
        """Estimate minus reference, or None where either is missing."""
        error: float | None = self.columns["error_months"]
        return error

    @property
    def interval_months(self) -> tuple[int, int] | None:
        """The bone age's 90% interval in whole months that hold it, or None where the model is not calibrated."""
        low, high = self.columns["bone_age_low_months"], self.columns["bone_age_high_months"]
        return None if low is None else (floor(low), ceil(high))

    @property
    def review_reasons(self) -> Sequence[str]:
        """Why a person must look before its estimate is used; nothing where none need, or it has no result."""
        return self.columns.get("review_reasons") or ()

    @property
    def interval_caveat(self) -> str | None:
        """What must be said beside its interval, if anything."""
        caveat: str | None = self.columns["interval_caveat"]
        return caveat


def ended_count(url: str, sop_instance_uids: Sequence[str]) -> int | None:
    """Return how many radiographs have reached an end state, or None while the database is away.

    Parameters
    ----------
    url
        The database, as libpq takes it.
    sop_instance_uids
        Of the radiographs.
    """
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
            row = connection.execute(
                "SELECT count(*) FROM radiograph "
                "WHERE superseded_at IS NULL AND sop_instance_uid = ANY(%s) AND state = ANY(%s)",
                [list(sop_instance_uids), _ENDS],
            ).fetchone()
    except psycopg.OperationalError:
        return None
    return int(row[0]) if row else 0


def note_references(url: str, references: Mapping[str, Reference]) -> None:
    """Store the bone ages that are known of radiographs, but for what the same reader has said before and still says.

    Parameters
    ----------
    url
        The database, as libpq takes it, for the role ``carpus_reads``.
    references
        By SOP Instance UID.
    """
    with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO reference_read (radiograph_id, reader, method, bone_age_months) "
            "SELECT radiograph_id, %(reader)s, %(method)s, %(months)s FROM "
            "(SELECT radiograph_id, sop_instance_uid FROM result "
            "UNION SELECT radiograph_id, sop_instance_uid FROM worklist) AS shown WHERE sop_instance_uid = %(uid)s "
            "AND NOT EXISTS (SELECT FROM reads WHERE reads.radiograph_id = shown.radiograph_id AND is_current "
            "AND reader = %(reader)s AND method = %(method)s AND bone_age_months = %(months)s)",
            [
                {"uid": uid, "reader": r.reader, "method": r.method, "months": r.bone_age_months}
                for uid, r in references.items()
            ],
        )


def fetch(url: str, names: Mapping[str, str]) -> list[Followed]:
    """Fetch what became of radiographs.

    Parameters
    ----------
    url
        The database, as libpq takes it.
    names
        What an operator knows each by, by SOP Instance UID; gives the order.
    """
    with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS, row_factory=dict_row) as connection:
        rows = connection.execute(
            "SELECT r.sop_instance_uid AS uid, r.state, r.state_reason, r.ended_at, r.standard_sha256, result.* "
            "FROM radiograph AS r LEFT JOIN result ON result.radiograph_id = r.id "
            "WHERE r.superseded_at IS NULL AND r.sop_instance_uid = ANY(%s)",
            [list(names)],
        ).fetchall()
    found = {row["uid"]: row for row in rows}
    return [Followed(name, found[uid]) for uid, name in names.items() if uid in found]
