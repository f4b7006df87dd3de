"""The reading lists there are, and how far readers got with each."""

from rich.console import Console

from carpus.reads.known import opened
from carpus.sql import table
from db.roles import Role

_LISTS = """
SELECT reading_list_id, drawn_at, array_to_string(stratified_by, ', '), seed,
    count(*), count(*) FILTER (WHERE reads > 0), count(*) FILTER (WHERE NOT is_current)
FROM reading_lists GROUP BY reading_list_id, drawn_at, stratified_by, seed ORDER BY reading_list_id
"""
_COLUMNS = ("list", "drawn at", "stratified by", "seed", "radiographs", "read", "superseded")


def show(console: Console) -> None:
    """Print one line for each reading list.

    Parameters
    ----------
    console
        Where the operator reads.
    """
    with opened(Role.READER) as connection:
        rows = connection.execute(_LISTS).fetchall()
    if rows:
        console.print(table(_COLUMNS, rows, console.width))
    else:
        console.print("no reading list was drawn yet; `carpus reads sample` draws one", highlight=False)
