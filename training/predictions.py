"""Tables of predictions, by whomever they were made: read whole, or refused with everything that is wrong in them.

Before it: a CSV file. After it: `training.analysis`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from db.errors import PermanentError
from db.tables import MAX_CHRONOLOGICAL_AGE_MONTHS
from db.vocabulary import Sex
from training import checked_csv
from training.cases import refuse
from training.checked_csv import Row, number_problems

MAX_MONTHS = 240.0

_SEX, _REFERENCE, _PREDICTED = "sex", "reference_bone_age_months", "_bone_age_months"
_CHRONOLOGICAL, _PATIENT = "chronological_age_months", "patient"


class PredictionsError(PermanentError):
    """A table of predictions is missing or malformed; the message lists all its problems."""


def _nothing() -> npt.NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True)
class Predictions:
    """What one model said of some radiographs, beside what a reader said.

    Attributes
    ----------
    name
        Of the model.
    reference_months, predicted_months
        Bone ages (n,) float64; predictions are NaN where a model gives none.
    is_male
        Sex (n,) bool.
    names
        Of the radiographs; their numbers from 1 where none are given.
    chronological_age_months
        (n,) float64; NaN, or not given, where it is unknown.
    stage_probabilities
        (n, 3) float64, child, adolescent, adult: of models that give stages and no bone age.
    patients
        (n,) int64: the same for radiographs of one patient, who are resampled together. Each is another's if not given.
    """

    name: str
    reference_months: npt.NDArray[np.float64]
    predicted_months: npt.NDArray[np.float64]
    is_male: npt.NDArray[np.bool_]
    names: tuple[str, ...] = ()
    chronological_age_months: npt.NDArray[np.float64] = field(default_factory=_nothing)
    stage_probabilities: npt.NDArray[np.float64] | None = None
    patients: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        count = len(self.reference_months)
        if not self.names:
            object.__setattr__(self, "names", tuple(str(number + 1) for number in range(count)))
        if not self.chronological_age_months.size:
            object.__setattr__(self, "chronological_age_months", np.full(count, np.nan))
        if not self.patients.size:
            object.__setattr__(self, "patients", np.arange(count))

    @property
    def has_bone_ages(self) -> bool:
        """Whether there is a bone age for every radiograph."""
        return bool(np.isfinite(self.predicted_months).all())

    def where(self, is_chosen: npt.NDArray[np.bool_]) -> "Predictions":
        """Return those of some radiographs, (n,) bool."""
        return Predictions(
            self.name,
            self.reference_months[is_chosen],
            self.predicted_months[is_chosen],
            self.is_male[is_chosen],
            tuple(np.array(self.names)[is_chosen].tolist()),
            self.chronological_age_months[is_chosen],
            None if self.stage_probabilities is None else self.stage_probabilities[is_chosen],
            self.patients[is_chosen],
        )


def load(path: Path) -> list[Predictions]:
    """Read a table of predictions.

    Parameters
    ----------
    path
        CSV with a header. Its first column tells the radiographs apart; ``sex`` is M or F;
        ``reference_bone_age_months`` and, for each model, ``MODEL_bone_age_months`` are from 0 to 240. A column
        ``chronological_age_months`` may be there; in it nothing stands for an unknown age. So may a column ``patient``,
        the same for radiographs of one patient.

    Returns
    -------
    list of Predictions
        One for each model, in the order of the columns.

    Raises
    ------
    PredictionsError
        When it cannot be read, has no predictions, or has rows with impossible values; all of them are named.
    """
    table = checked_csv.read(path, PredictionsError)
    columns, rows = table.columns, list(table.rows.values())
    models = [name for name in columns[1:] if name.endswith(_PREDICTED) and name != _REFERENCE]
    problems = [f"{path}: column {name} is missing" for name in (_SEX, _REFERENCE) if name not in columns[1:]]
    if not models:
        problems.append(f"{path}: no column MODEL{_PREDICTED} holds predictions")
    if not problems and not rows:
        problems.append(f"{path}: no radiograph stands in it")
    refuse(problems or table.problems(columns[0], partial(_problems, months=(_REFERENCE, *models))), PredictionsError)
    return [_of(name, rows, columns[0]) for name in models]


def _of(column: str, rows: list[Row], identifier: str) -> Predictions:
    return Predictions(
        column.removesuffix(_PREDICTED),
        np.array([float(row[_REFERENCE]) for row in rows]),
        np.array([float(row[column]) for row in rows]),
        np.array([row[_SEX] == Sex.MALE for row in rows]),
        tuple(row[identifier] for row in rows),
        np.array([float(row.get(_CHRONOLOGICAL) or "nan") for row in rows]),
        patients=numbered([row.get(_PATIENT) or (row[identifier],) for row in rows]),
    )


def numbered(patients: Sequence[Hashable]) -> npt.NDArray[np.int64]:
    """Return patients (n,) as numbers from 0, the same for the same, in the order in which they first come."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(one, len(numbers)) for one in patients], np.int64)


def _limit(column: str) -> float:
    return MAX_CHRONOLOGICAL_AGE_MONTHS if column == _CHRONOLOGICAL else MAX_MONTHS


def _problems(row: Row, months: tuple[str, ...]) -> list[str]:
    found = [f"{_SEX} {row[_SEX]!r}, expected M or F"] if row[_SEX] not in {Sex.MALE, Sex.FEMALE} else []
    told = (*months, *([_CHRONOLOGICAL] if row.get(_CHRONOLOGICAL) else []))
    return found + [problem for column in told for problem in number_problems(row, column, _limit(column))]
