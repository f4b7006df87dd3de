"""A file of reads: every line turned into a read, and everything that is wrong in the file told by its line.

Before it: a reader filled it in, maybe a reading list of `carpus.reads.sample`. After it: `carpus.reads.enter`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from carpus.reads.values import Told, tell
from db.errors import PermanentError
from training import checked_csv

NEEDED = ("sop_instance_uid", "bone_age_months", "reader")
OPTIONAL = ("method", "read_at", "blinded", "reading_list")
IGNORED = ("position", "accession_number")  # of a reading list, for its reader's eyes
_LONGEST_SHOWN = 40  # characters of a column's name: of what is no CSV, all may be one name


class ReadsError(PermanentError):
    """Reads cannot be entered, or a list cannot be drawn; the message says why and what to do."""


@dataclass(frozen=True)
class Line:
    """One read of a file.

    Attributes
    ----------
    number
        Of the line in the file.
    told
        What it says.
    problems
        What is wrong with it.
    """

    number: int
    told: Told
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """What a file holds: its reads, what is wrong in lines that hold none, and how many are still to be read."""

    lines: tuple[Line, ...]
    malformed: dict[int, str]
    unread: int


def load(path: Path, now: datetime) -> Sheet:
    """Load a file of reads.

    Parameters
    ----------
    path
        CSV in UTF-8, with or without a byte order mark, with a header.
    now
        When a read can have been made at the latest.

    Raises
    ------
    ReadsError
        When it is no such file, or has not the columns.
    """
    table = checked_csv.read(path, ReadsError)
    _check_columns(table)
    malformed = {
        number: "not as many values as there are columns: a decimal comma, or a comma in a name without quotes?"
        for number, row in table.rows.items()
        if set(row) != set(table.columns)
    }
    whole = {number: row for number, row in table.rows.items() if number not in malformed}
    filled = {number: row for number, row in whole.items() if not _is_unread(row)}
    if not filled and not malformed:
        raise ReadsError(f"{path}: there is no read in it: fill in {', '.join(NEEDED[1:])} line by line")
    return Sheet(tuple(_lines(filled, now)), malformed, len(whole) - len(filled))


def _check_columns(table: checked_csv.Table) -> None:
    columns = [name for name in table.columns if name]
    if not columns:
        raise ReadsError(f"{table.path}: it is empty; expected a header with {', '.join(NEEDED)}")
    expected = f"expected {', '.join(NEEDED)}, and maybe {', '.join(OPTIONAL)}"
    problems = [f"the column {name} is missing" for name in NEEDED if name not in columns]
    problems += [
        f"the column {name[:_LONGEST_SHOWN]!r} is unknown"
        for name in columns
        if name not in NEEDED + OPTIONAL + IGNORED
    ]
    problems += [f"the column {name} is there twice" for name in dict.fromkeys(columns) if columns.count(name) > 1]
    if len(columns) == 1 and ";" in columns[0]:
        problems = ["its columns are separated by semicolons: save it with commas"]
    if problems:
        raise ReadsError(f"{table.path}: line 1: {'; '.join(problems)}; {expected}")


def _is_unread(row: checked_csv.Row) -> bool:
    """Return whether a line of a reading list waits for its reader, whose name may stand there already."""
    return bool(row.get("reading_list")) and not row["bone_age_months"] and not row.get("read_at")


def _lines(rows: dict[int, checked_csv.Row], now: datetime) -> Iterator[Line]:
    first = dict[tuple[str, str], int]()
    for number, row in rows.items():
        told = tell(row, now)
        problems = list(told.problems)
        if told.sop_instance_uid and told.reader:
            before = first.setdefault((told.sop_instance_uid, told.reader), number)
            if before != number:
                problems.append(f"{told.reader!r} read {told.sop_instance_uid} in line {before} already; keep one")
        yield Line(number, told, tuple(problems))
