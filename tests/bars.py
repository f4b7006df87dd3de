"""Bars as long as a patient is old, in place of hands: what a network of three convolutions learns within seconds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from db.vocabulary import Sex
from training.cases import Case
from worker.read import LONG_SIDE_PIXELS

_PIXELS = 64
_FULL_MONTHS = 240.0


@dataclass(frozen=True)
class Bar:
    """A bright bar from the left, its length its age, with noise, of an exposure of its own."""

    months: float
    seed: int

    def standard_radiograph(self, rows: int = LONG_SIDE_PIXELS) -> npt.NDArray[np.uint16]:
        """Return it, 64 by 64 px however many rows are wanted."""
        rng = np.random.default_rng([self.seed, 1])
        row = np.clip(self.months / _FULL_MONTHS * _PIXELS - np.arange(_PIXELS), 0, 1)
        grey = np.tile(row, (_PIXELS, 1)) * rng.uniform(0.5, 1) + rng.normal(0, 0.05, (_PIXELS, _PIXELS))
        return np.asarray(np.clip(grey, 0, 1) * 65535, np.uint16)


def bars(first: int, count: int) -> list[Case]:
    """Return so many bars, each of a patient of its own; other first numbers give others."""
    return [_bar(seed) for seed in range(first, first + count)]


def _bar(seed: int) -> Case:
    rng = np.random.default_rng([seed, 2])
    months, sex = float(rng.uniform(1, 228)), Sex.MALE if rng.random() < 0.5 else Sex.FEMALE
    return Case(f"bar {seed}", f"bar {seed}", sex, months, None, Bar(months, seed))
