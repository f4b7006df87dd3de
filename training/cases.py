"""A case: one radiograph, real or drawn, with what is known of it; what training and evaluation are done on.

Before it: a source of `training.sources` made it. After it: `training.split` shares cases out, `training.cache` makes
network input of their pictures. No TensorFlow is imported, for the processes that read pictures import this module.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from db.errors import PermanentError
from db.vocabulary import Sex
from worker.read import LONG_SIDE_PIXELS

MIN_BONE_AGE_MONTHS = 0.0
MAX_BONE_AGE_MONTHS = 240.0

Chosen = TypeVar("Chosen")

_TOLD_AT_MOST = 20


class DataError(PermanentError):
    """The data cannot be trained on or evaluated with; the message lists all that is wrong."""


class Part(StrEnum):
    """What a case is for; none serves two purposes."""

    TRAINING = "training"
    VALIDATION = "validation"
    CALIBRATION = "calibration"
    TEST = "test"


class Picture(Protocol):
    """Where a standard radiograph comes from.

    It can be pickled, for other processes read it, and its ``repr`` changes when what it gives may change, for the
    cache knows it by that.
    """

    def standard_radiograph(self, rows: int = LONG_SIDE_PIXELS) -> npt.NDArray[np.uint16]:
        """Return the standard radiograph.

        Parameters
        ----------
        rows
            How many a drawn one shall have; a real one comes as `worker.read` makes it.

        Returns
        -------
        numpy.ndarray
            (rows, columns) uint16, bone bright, the long side at most 1,024 px.

        Raises
        ------
        CarpusError
            When it cannot be read; the message says why.
        """


@dataclass(frozen=True)
class Case:
    """One radiograph with what is known of it.

    Attributes
    ----------
    name
        Tells it apart from others, to people too; no patient's ID.
    patient
        The same for radiographs of one patient. Never shown.
    sex
        Known: M or F.
    bone_age_months
        0 to 240, as a reader found it or as the hand was drawn.
    chronological_age_months
        At the time of the radiograph; None if not known.
    picture
        Where its standard radiograph comes from.
    """

    name: str
    patient: str
    sex: Sex
    bone_age_months: float
    chronological_age_months: float | None
    picture: Picture


def some(cases: list[Chosen], most: int) -> list[Chosen]:
    """Return all, or of many the same some each time, in their order: a source may have them by date or by sex.

    Parameters
    ----------
    cases
        Or their places. Not changed.
    most
        How many at most.
    """
    if len(cases) <= most:
        return cases
    chosen = np.random.default_rng(0).choice(len(cases), most, replace=False)
    return [cases[place] for place in sorted(chosen)]


def refuse(problems: list[str], kind: type[PermanentError] = DataError) -> None:
    """Raise one error that tells all problems, of many the first twenty and the number of the others.

    Parameters
    ----------
    problems
        A line each.
    kind
        The error to raise.

    Raises
    ------
    PermanentError
        Of that kind, if there are any problems.
    """
    if problems:
        told, more = problems[:_TOLD_AT_MOST], len(problems) - _TOLD_AT_MOST
        raise kind("\n".join([*told, *[f"and {more:,} more"] * (more > 0)]))
