"""Reads are entered: one from the command line, or all of a file or none.

Before it: `carpus.reads.sheet` and `carpus.reads.known`. After it: the views ``reads`` and ``result``. It needs no more
than the role ``carpus_reads`` has; which of a reader's reads stands is decided in the database.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from carpus.reads import sheet
from carpus.reads.known import Connection, Known, entered, identity, opened
from carpus.reads.sheet import ReadsError, Sheet
from carpus.reads.values import Read, tell
from db.roles import Role

_AT_ONCE = 500  # reads that go to the database together, and between two moves of the bar
_INSERT = """
INSERT INTO reference_read (radiograph_id, reader, method, bone_age_months, read_at, reading_list_id, is_blinded)
VALUES (%s, %s, %s, %s, coalesce(%s, now()), %s, %s)
"""


def add(row: Mapping[str, str], console: Console) -> None:
    """Enter one read.

    Parameters
    ----------
    row
        What is told of it, by the names of a file's columns.
    console
        Where the operator reads.

    Raises
    ------
    ReadsError
        With all that is wrong; nothing was written.
    """
    told = tell(row, datetime.now(UTC))
    with opened(Role.READS) as connection:
        known = Known(connection, [told])
        unknown = known.problem(told)
        problems = [*told.problems, *([unknown] if unknown else [])]
        if told.read is None or problems:
            raise ReadsError("; ".join(problems))
        count = _insert(connection, known, [told.read], Progress(disable=True))
    outcome = "entered" if count else "is there already"
    said = f"{told.sop_instance_uid}: {told.read.bone_age_months:g} months by {told.reader} {outcome}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)


def import_file(path: Path, console: Console) -> bool:
    """Enter all reads of a file, or none where anything is wrong, which is listed by line then.

    Parameters
    ----------
    path
        The file.
    console
        Where the operator reads.

    Returns
    -------
    bool
        Whether they were entered.

    Raises
    ------
    ReadsError
        When it is no file of reads.
    """
    filled = sheet.load(path, datetime.now(UTC))
    with opened(Role.READS) as connection:
        known = Known(connection, [line.told for line in filled.lines])
        problems = _problems(filled, known)
        if problems:
            count = 0
        else:
            reads = [line.told.read for line in filled.lines if line.told.read is not None]
            columns = (TextColumn("entering reads"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            with Progress(*columns, console=console, disable=len(reads) <= _AT_ONCE) as progress:
                count = _insert(connection, known, reads, progress)
    for problem in problems:
        console.print(f"{path}: {problem}", highlight=False, markup=False, soft_wrap=True)
    said = f"{count} reads entered, {len(filled.lines) - count} were there already"
    if problems:
        said = f"{len(problems)} problems, so nothing was written; correct them and import {path} again"
    elif filled.unread:
        said += f"; {filled.unread} of the list are still to be read"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    return not problems


def _problems(filled: Sheet, known: Known) -> list[str]:
    told = [(number, problem) for number, problem in filled.malformed.items()]
    for line in filled.lines:
        unknown = known.problem(line.told)
        told += [(line.number, problem) for problem in (*line.problems, *([unknown] if unknown else []))]
    return [f"line {number}: {problem}" for number, problem in sorted(told, key=lambda one: one[0])]


def _insert(connection: Connection, known: Known, reads: Sequence[Read], progress: Progress) -> int:
    """Insert what is not there yet, and return how many that were.

    The trigger's locks are by reader; taken in the same order by all, nobody waits for each other for ever.
    """
    found = {read: known.radiograph_id(read) for read in sorted(reads, key=lambda read: read.reader)}
    there = entered(connection, found.values())
    new = [(read, radiograph_id) for read, radiograph_id in found.items() if identity(read, radiograph_id) not in there]
    if not new:
        return 0
    bar = progress.add_task("", total=len(new))
    with connection.cursor() as cursor:
        for start in range(0, len(new), _AT_ONCE):
            rows = [
                (i, r.reader, r.method, r.bone_age_months, r.read_at, r.reading_list_id, r.is_blinded)
                for r, i in new[start : start + _AT_ONCE]
            ]
            cursor.executemany(_INSERT, rows)
            progress.advance(bar, len(rows))
    return len(new)
