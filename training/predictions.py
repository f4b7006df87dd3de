"""Tables of predictions, by whomever they were made: read whole, or refused with everything that is wrong in them.

Before it: a CSV file. After it: `training.analysis`.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from db.errors import PermanentError
from db.vocabulary import Sex

MAX_MONTHS = 240.0

_SEX, _REFERENCE, _PREDICTED = "sex", "reference_bone_age_months", "_bone_age_months"
_TOLD_AT_MOST = 20


class PredictionsError(PermanentError):
    """A table of predictions is missing or malformed; the message lists all its problems."""


@dataclass(frozen=True)
class Predictions:
    """What one model said of some radiographs, beside what a reader said.

    Attributes
    ----------
    name
        Of the model.
    reference_months, predicted_months
        Bone ages (n,) float64.
    is_male
        Sex (n,) bool.
    """

    name: str
    reference_months: npt.NDArray[np.float64]
    predicted_months: npt.NDArray[np.float64]
    is_male: npt.NDArray[np.bool_]

    def where(self, is_chosen: npt.NDArray[np.bool_]) -> "Predictions":
        """Return those of some radiographs, (n,) bool."""
        return Predictions(
            self.name, self.reference_months[is_chosen], self.predicted_months[is_chosen], self.is_male[is_chosen]
        )


def load(path: Path) -> list[Predictions]:
    """Read a table of predictions.

    Parameters
    ----------
    path
        CSV with a header. Its first column tells the radiographs apart; ``sex`` is M or F;
        ``reference_bone_age_months`` and, for each model, ``MODEL_bone_age_months`` are from 0 to 240.

    Returns
    -------
    list of Predictions
        One for each model, in the order of the columns.

    Raises
    ------
    PredictionsError
        When it cannot be read, has no predictions, or has rows with impossible values; all of them are named.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            rows = list(table)
            columns = list(table.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PredictionsError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error
    models = [name for name in columns[1:] if name.endswith(_PREDICTED) and name != _REFERENCE]
    problems = [f"column {name} is missing" for name in (_SEX, _REFERENCE) if name not in columns[1:]]
    if not models:
        problems.append(f"no column MODEL{_PREDICTED} holds predictions")
    if not problems:
        problems = _problems(rows, columns[0], (_REFERENCE, *models)) if rows else ["no radiograph stands in it"]
    if problems:
        told, more = problems[:_TOLD_AT_MOST], len(problems) - _TOLD_AT_MOST
        raise PredictionsError("\n".join([f"{path}: {one}" for one in told] + [f"and {more} more"] * (more > 0)))
    return [_of(name, rows) for name in models]


def _of(column: str, rows: list[dict[str, str]]) -> Predictions:
    return Predictions(
        column.removesuffix(_PREDICTED),
        np.array([float(row[_REFERENCE]) for row in rows]),
        np.array([float(row[column]) for row in rows]),
        np.array([row[_SEX] == Sex.MALE for row in rows]),
    )


def _problems(rows: list[dict[str, str]], identifier: str, months: tuple[str, ...]) -> list[str]:
    found, lines = [], dict[str, int]()
    for line, row in enumerate(rows, start=2):
        first = lines.setdefault(row[identifier], line)
        if first != line:
            found.append(f"line {line}: {identifier} {row[identifier]} stands in line {first} already")
        found += [f"line {line}: {problem}" for problem in _problems_of(row, months)]
    return found


def _problems_of(row: Mapping[str, str | None], months: tuple[str, ...]) -> list[str]:
    found = []
    if None in row or None in row.values():
        return ["not as many values as there are columns"]
    if row[_SEX] not in {Sex.MALE, Sex.FEMALE}:
        found.append(f"{_SEX} {row[_SEX]!r}, expected M or F")
    for column in months:
        try:
            is_possible = 0 <= float(row[column] or "") <= MAX_MONTHS
        except ValueError:
            is_possible = False
        if not is_possible:
            found.append(f"{column} {row[column]!r}, expected 0 to {MAX_MONTHS:.0f}")
    return found
