"""``carpus sql``: a question to the database, answered as a table or as CSV. It can only read."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table
from rich.text import Text

from carpus import database
from db.errors import CarpusError

CONNECT_TIMEOUT_SECONDS = 5
_READ_ONLY = "-c default_transaction_read_only=on -c timezone=UTC"
_NARROWEST_COLUMN = 6


class QueryError(CarpusError):
    """The database did not answer or did not like the query; the message is its first line."""


def run(query: str, console: Console, *, as_csv: bool) -> None:
    """Put a query and print what it returns.

    Parameters
    ----------
    query
        SQL; anything that would write is refused by the database.
    console
        Where a table is printed; CSV goes to standard output.
    as_csv
        Whether to print CSV with all digits instead.

    Raises
    ------
    QueryError
        With the database's own words.
    """
    with database.available() as url:
        names, rows = fetch(url, query)
    if not names:
        console.print("done, without rows")
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_exact(value) for value in row] for row in rows)
    else:
        console.print(table(names, rows, console.width))


def fetch(url: str, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Put a query in a session that can only read.

    Parameters
    ----------
    url
        The database, as libpq takes it.
    query
        SQL.

    Returns
    -------
    list of str, list of tuple
        Names of the columns, none for a statement without rows; the rows.

    Raises
    ------
    QueryError
        With the database's own words.
    """
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS, options=_READ_ONLY) as connection:
            cursor = connection.execute(query.encode())
            return ([], []) if cursor.description is None else ([c.name for c in cursor.description], cursor.fetchall())
    except psycopg.Error as error:
        raise QueryError(str(error).partition("\n")[0] or type(error).__name__) from error


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
    if len(names) * (_NARROWEST_COLUMN + 3) > width:
        return _records(names, rows)
    laid_out = Table(caption=_count(rows), caption_justify="left")
    for position, name in enumerate(names):
        is_number = any(isinstance(row[position], int | float) for row in rows)
        laid_out.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        laid_out.add_row(*(Text(readable(value)) for value in row))
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


def _records(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    laid_out = Table(show_header=False, caption=_count(rows), caption_justify="left")
    laid_out.add_column(style="bold", no_wrap=True)
    laid_out.add_column(overflow="fold")
    for row in rows:
        for name, value in zip(names, row, strict=True):
            laid_out.add_row(name, Text(readable(value)), end_section=name == names[-1])
    return laid_out


def _count(rows: Sequence[Any]) -> str:
    return "1 row" if len(rows) == 1 else f"{len(rows)} rows"


def _exact(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case dict() | list():
            return json.dumps(value, default=str)
        case _:
            return value
