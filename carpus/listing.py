"""Lays rows out to fit a terminal: as a table, or where that is too narrow for one, value below value."""

from collections.abc import Sequence

from rich.table import Column, Table
from rich.text import Text


def table(columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int, narrowest: int) -> Table:
    """Lay rows out.

    Parameters
    ----------
    columns
        Of the table.
    rows
        One text a column; a row may end early.
    width
        Of the terminal, in characters.
    narrowest
        The terminal, in characters, below which a table would be squeezed until it says nothing.
    """
    if width < narrowest:
        return _one_below_the_other(columns, rows)
    laid_out = Table(*columns, title_justify="left", caption_justify="left")
    for row in rows:
        laid_out.add_row(*row)
    return laid_out


def _one_below_the_other(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> Table:
    headless = (Column(style="bold", overflow="fold"), Column(overflow="fold"))
    laid_out = Table(*headless, show_header=False, title_justify="left", caption_justify="left")
    for row in rows:
        for column, value in zip(columns, row, strict=False):
            laid_out.add_row(column.header, value)
        laid_out.add_section()
    return laid_out
