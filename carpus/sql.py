"""``carpus sql``: a question to the database, answered as a table or as CSV. It can only read."""

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from carpus import database, listing
from db.errors import CarpusError
from db.roles import Role

CONNECT_TIMEOUT_SECONDS = 5
_READ_ONLY = "-c default_transaction_read_only=on -c timezone=UTC"
ROWS_AT_ONCE = 1_000
_HINTS: dict[type[psycopg.Error], str] = {
    psycopg.errors.InsufficientPrivilege: (
        " (the views are for everybody, --tables asks as the services; after an update, start Carpus once)"
    ),
    psycopg.errors.SyntaxError: " (one SELECT is expected)",
}
_NARROWEST_COLUMN, _BORDER = 6, 3  # characters


class QueryError(CarpusError):
    """The database did not answer or did not like the query; the message is its first line."""


def command_line(query: str) -> str:
    """Return what an operator types to put a query to the embedded database."""
    # The setting names another database, which would be asked instead.
    prefix = "env -u CARPUS_DATABASE_URL " if os.environ.get("CARPUS_DATABASE_URL") else ""
    return f'{prefix}{sys.argv[0]} sql "{query}"'


def run(query: str, console: Console, *, as_csv: bool, with_tables: bool = False) -> None:
    """Put a query and print what it returns.

    Parameters
    ----------
    query
        One SELECT.
    console
        Where a table is printed; CSV goes to standard output, in UTF-8, row by row.
    as_csv
        Whether to print CSV with all digits instead.
    with_tables
        Whether to ask the embedded database as the role of the services, which sees the tables, not only the views.

    Raises
    ------
    QueryError
        With the database's own words.
    """
    role = Role.WRITER if with_tables else Role.READER
    with database.available(role) as url, answer(url, query) as cursor:
        names = [column.name for column in cursor.description or ()]
        if as_csv:
            _write_csv(names, cursor)
        else:
            console.print(table(names, cursor.fetchall(), console.width))


@contextmanager
def answer(url: str, query: str) -> Iterator[psycopg.ServerCursor[tuple[Any, ...]]]:
    """Put a query that can only read, and yield the cursor over its rows, which stay in the database until asked for.

    PostgreSQL declares a cursor for one SELECT or VALUES and nothing else, and a transaction that is read-only when its
    first query begins can no longer be made another.

    Parameters
    ----------
    url
        The database, as libpq takes it.
    query
        One SELECT.

    Raises
    ------
    QueryError
        With the database's own words.
    """
    try:
        with (
            psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS, options=_READ_ONLY) as connection,
            connection.cursor("answer") as cursor,
        ):
            cursor.itersize = ROWS_AT_ONCE
            cursor.execute(query.encode())
            yield cursor
    except psycopg.Error as error:
        words = str(error).partition("\n")[0] or type(error).__name__
        hints = (hint for kind, hint in _HINTS.items() if isinstance(error, kind))
        raise QueryError(words + next(hints, "")) from error


def _write_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # whatever the terminal's: no character may be lost
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_exact(value) for value in row] for row in rows)


def table(names: Sequence[str], rows: Sequence[Sequence[Any]], width: int) -> Table:
    """Lay rows out to fit a terminal: as a table, or one below the other when there are too many columns.

    Parameters
    ----------
    names
        Of the columns.
    rows
        Their values.
    width
        Of the terminal, in characters.
    """
    columns = []
    for position, name in enumerate(names):
        is_number = any(isinstance(row[position], int | float) for row in rows)
        columns.append(Column(Text(name), justify="right" if is_number else "left", overflow="fold"))
    cells = [[Text(readable(value)) for value in row] for row in rows]
    laid_out = listing.table(columns, cells, width, narrowest=len(names) * (_NARROWEST_COLUMN + _BORDER))
    laid_out.caption = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    return laid_out


def readable(value: Any) -> str:
    """Return a value as a table shows it: numbers to a hundredth, times to the second, arrays by their size."""
    match value:
        case None:
            return "–"
        case float():
            return f"{value:.2f}"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case [[*_], *_]:
            return f"{len(value)} × {len(value[0])} numbers"
        case dict() | list():
            return json.dumps(value, default=str)
        case _:
            return str(value)


def _exact(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case dict() | list():
            return json.dumps(value, default=str)
        case _:
            return value
