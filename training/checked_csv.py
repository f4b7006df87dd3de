"""Tables in CSV that people made: read whole, and everything that is wrong in them told line by line.

Before it: a file. After it: `training.predictions`, and the labels of `training.sources`.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from db.errors import PermanentError

Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table with a header.

    Attributes
    ----------
    path
        The file.
    columns
        Their names.
    rows
        By the number of the line in the file; a row has no key of a column that its line is too short for, and an
        empty one if it is too long.
    """

    path: Path
    columns: tuple[str, ...]
    rows: dict[int, Row]

    def problems(self, identifier: str, of_row: Callable[[Row], list[str]]) -> list[str]:
        """Tell what is wrong in the rows.

        Parameters
        ----------
        identifier
            Column whose values tell the rows apart.
        of_row
            Tells what is wrong in a row that has a value in every column.

        Returns
        -------
        list of str
            With file and line.
        """
        found, lines = list[str](), dict[str, int]()
        for line, row in self.rows.items():
            first = lines.setdefault(row.get(identifier, ""), line)
            told = [f"{identifier} {row.get(identifier)} stands in line {first} already"] if first != line else []
            is_whole = set(row) == set(self.columns)
            told += of_row(row) if is_whole else ["not as many values as there are columns"]
            found += [f"{self.path}: line {line}: {problem}" for problem in told]
        return found


def read(path: Path, kind: type[PermanentError]) -> Table:
    """Read a table; blanks around names and values are dropped, and so are empty lines.

    Parameters
    ----------
    path
        CSV in UTF-8, with or without a byte order mark, with a header.
    kind
        Of the error.

    Raises
    ------
    PermanentError
        Of that kind, when it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            columns = tuple(name.strip() for name in next(lines, []))
            rows = {lines.line_num: _row(columns, values) for values in lines if any(values)}  # noqa: B035  it moves on
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise kind(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error
    return Table(path, columns, rows)


def number_problems(row: Row, column: str, largest: float) -> list[str]:
    """Tell whether a row's value is no number from 0 to the largest allowed."""
    try:
        is_possible = 0 <= float(row[column]) <= largest
    except ValueError:
        is_possible = False
    return [] if is_possible else [f"{column} {row[column]!r}, expected 0 to {largest:.0f}"]


def _row(columns: tuple[str, ...], values: list[str]) -> Row:
    row = {name: value.strip() for name, value in zip(columns, values, strict=False)}
    return row | {"": ""} if len(values) > len(columns) else row
