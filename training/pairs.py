"""Two versions of a model asked about the same radiographs, so that they can be compared in pairs.

Before it: `training.evaluate` has asked each. After it: `training.gate`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.predictions import Predictions


@dataclass(frozen=True)
class Answers:
    """What one version says.

    Attributes
    ----------
    is_covered
        (n,) bool, whether each reference lies in its 90% interval; None of a version that gives no intervals.
    """

    predictions: Predictions
    is_covered: npt.NDArray[np.bool_] | None = None

    @property
    def absolute_errors_months(self) -> npt.NDArray[np.float64]:
        """The size of each error (n,) float64; NaN where there is no bone age."""
        return np.abs(self.predictions.predicted_months - self.predictions.reference_months)

    def where(self, is_chosen: npt.NDArray[np.bool_]) -> "Answers":
        """Return those about some radiographs, (n,) bool."""
        covered = None if self.is_covered is None else self.is_covered[is_chosen]
        return Answers(self.predictions.where(is_chosen), covered)


@dataclass(frozen=True)
class Pair:
    """What the active version and the candidate say of the same radiographs.

    Raises
    ------
    ValueError
        If they are not the same: in their order, with their references, sexes and patients.
    """

    active: Answers
    candidate: Answers

    def __post_init__(self) -> None:
        one, other = self.active.predictions, self.candidate.predictions
        if one.names != other.names:
            raise ValueError("the candidate was asked about other radiographs than the active version")
        if not np.isfinite(one.reference_months).all():
            raise ValueError("expected a reference for every radiograph")
        for attribute in ("reference_months", "is_male", "patients"):
            if not np.array_equal(getattr(one, attribute), getattr(other, attribute)):
                raise ValueError(f"{attribute}: not the same for the candidate as for the active version")
        for words, answers in zip(("active version", "candidate"), self, strict=True):
            if answers.is_covered is not None and len(answers.is_covered) != len(one.names):
                raise ValueError(f"{len(answers.is_covered)} intervals of the {words}, expected {len(one.names)}")

    def __iter__(self) -> Iterator[Answers]:
        return iter((self.active, self.candidate))

    @property
    def is_male(self) -> npt.NDArray[np.bool_]:
        """Sex (n,) bool of the radiographs."""
        return self.active.predictions.is_male

    @property
    def reference_months(self) -> npt.NDArray[np.float64]:
        """Bone ages (n,) float64 that readers gave the radiographs."""
        return self.active.predictions.reference_months

    def where(self, is_chosen: npt.NDArray[np.bool_]) -> "Pair":
        """Return what both say of some radiographs, (n,) bool."""
        return Pair(self.active.where(is_chosen), self.candidate.where(is_chosen))
