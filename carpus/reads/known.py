"""What the database knows of what reads name: radiographs, reading lists, and the reads there are; from views alone.

Before it: `carpus.reads.values`. After it: `carpus.reads.enter` inserts.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from carpus import database
from carpus.reads.sheet import ReadsError
from carpus.reads.values import Read, Told
from db.roles import Role
from db.session import CONNECT_TIMEOUT_SECONDS

Connection = psycopg.Connection[tuple[Any, ...]]

_OLD = "the database lacks this version's tables: run `python -m db.migrate`"
_SHOWN = """
SELECT sop_instance_uid, radiograph_id FROM result WHERE sop_instance_uid = ANY(%(uids)s)
UNION SELECT sop_instance_uid, radiograph_id FROM worklist WHERE sop_instance_uid = ANY(%(uids)s)
"""
_LISTED = """
SELECT reading_list_id, sop_instance_uid, radiograph_id, is_current FROM reading_lists WHERE reading_list_id = ANY(%s)
"""
_ENTERED = """
SELECT radiograph_id, reader, method, bone_age_months, reading_list_id, is_blinded, read_at, is_current FROM reads
WHERE radiograph_id = ANY(%s)
"""


@contextmanager
def opened(role: Role) -> Iterator[Connection]:
    """Open a transaction in the database that is meant; it is committed at the block's end.

    Parameters
    ----------
    role
        As whom to connect to the embedded database; the configured one's address has its own user.

    Raises
    ------
    ReadsError
        When the database is away, not of this version, or does not let its user do it.
    """
    options = "-c timezone=UTC"
    with database.available(role) as url:
        try:
            with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS, options=options) as connection:
                yield connection
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise ReadsError(_OLD) from error
        except psycopg.errors.InsufficientPrivilege as error:
            words = f"the database does not let its user do this ({_first_line(error)})"
            raise ReadsError(f"{words}: connect as {role} or as the owner") from error
        except psycopg.OperationalError as error:
            raise ReadsError(f"the database did not answer ({_first_line(error)}): try again once it does") from error
        except psycopg.Error as error:
            raise ReadsError(f"the database refused it, and nothing was written: {_first_line(error)}") from error


class Known:
    """The radiographs and reading lists that some reads name.

    Parameters
    ----------
    connection
        In a transaction.
    all_told
        What is told of the reads.
    """

    def __init__(self, connection: Connection, all_told: Sequence[Told]) -> None:
        uids = sorted({told.sop_instance_uid for told in all_told})
        lists = sorted({told.reading_list_id for told in all_told if told.reading_list_id is not None})
        self._shown: dict[str, int] = dict(connection.execute(_SHOWN, {"uids": uids}).fetchall())
        self._listed = {
            (reading_list_id, uid): (radiograph_id, is_current)
            for reading_list_id, uid, radiograph_id, is_current in connection.execute(_LISTED, [lists])
        }
        self._lists = {reading_list_id for reading_list_id, _ in self._listed}

    def problem(self, told: Told) -> str | None:
        """Return what is wrong with the radiograph or the list that is named, or None."""
        uid, listed = told.sop_instance_uid, told.reading_list_id
        if not uid:
            return None  # which is told already
        if listed is not None and (listed, uid) in self._listed:
            is_current = self._listed[listed, uid][1]
            later = f"{uid} has a later revision than reading_list {listed} asks for: draw a new list"
            return None if is_current else later
        if uid not in self._shown:
            return f"sop_instance_uid {uid} is unknown: neither in `result` nor in `worklist`; send it first"
        return None if listed is None else self._missing(uid, listed)

    def _missing(self, uid: str, listed: int) -> str:
        if listed not in self._lists:
            return f"reading_list {listed} does not exist: `carpus reads list` shows their ids"
        return f"reading_list {listed} does not hold {uid}: leave it empty for a read that it did not ask for"

    def radiograph_id(self, read: Read) -> int:
        """Return the radiograph of a read without a problem."""
        if read.reading_list_id is None:
            return self._shown[read.sop_instance_uid]
        return int(self._listed[read.reading_list_id, read.sop_instance_uid][0])


def entered(connection: Connection, radiograph_ids: Iterable[int]) -> set[tuple[Any, ...]]:
    """Return the reads there are, so that a file that is imported again as it grows enters nothing twice.

    Parameters
    ----------
    connection
        In a transaction.
    radiograph_ids
        Of which radiographs.

    Returns
    -------
    set of tuple
        As :func:`identity` knows them; those that stand, or were asked for, also without their time.
    """
    found = set[tuple[Any, ...]]()
    for *what, read_at, is_current in connection.execute(_ENTERED, [sorted(set(radiograph_ids))]):
        found.add((*what, read_at))
        is_asked_for = what[4] is not None
        if is_current or is_asked_for:
            found.add((*what, None))
    return found


def identity(read: Read, radiograph_id: int) -> tuple[Any, ...]:
    """Return what makes a read the same as another; a time that is not told is no difference."""
    what = (radiograph_id, read.reader, read.method, read.bone_age_months, read.reading_list_id, read.is_blinded)
    return (*what, read.read_at)


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
