"""Drawn hands as cases: which there are, known by their seeds.

Before it: nothing, each is drawn by `training.phantom` or `training.hand` when its picture is wanted. After it:
`training.cache`. No TensorFlow is imported, for the drawing processes import this module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from db.vocabulary import Sex
from training import hand, phantom
from training.cases import Case, Part
from training.sources.source import Counts, Fractions
from worker import brush
from worker.read import LONG_SIDE_PIXELS

FIRST_SEEDS = {
    Part.TRAINING: 0,
    Part.VALIDATION: 1_000_000_000,
    Part.TEST: 2_000_000_000,
    Part.CALIBRATION: 3_000_000_000,
}
Drawing = Literal["phantom", "hand"]
"""Which package draws: `training.phantom`, or the truer `training.hand`."""
DRAWINGS: Final = get_args(Drawing)
Drawings = Literal[Drawing, "both"]
"""One of them, or ``both``: every fourth hand by `training.phantom`, the others by `training.hand`."""
_PHANTOM_EVERY: Final = 4
_DRAW: Final[dict[Drawing, Callable[..., phantom.Phantom]]] = {"phantom": phantom.draw, "hand": hand.draw}

MAX_HANDS = 1_000_000_000  # in a part, so that no hand serves two purposes

MIN_BONE_AGE_MONTHS = 1.0
MAX_BONE_AGE_MONTHS = 228.0

# Mean and standard deviation of the ages in the RSNA training set (Halabi et al., 2019, doi:10.1148/radiol.2018180736).
_RSNA_MEAN_MONTHS = 127.3
_RSNA_SD_MONTHS = 41.2

_TRAINING_HANDS_FOR_ANOTHER = 5


@dataclass(frozen=True)
class Phantom:
    """A hand to be drawn."""

    bone_age_months: float
    sex: Sex
    seed: int
    drawing: Drawing = "phantom"

    def standard_radiograph(self, rows: int = LONG_SIDE_PIXELS) -> npt.NDArray[np.uint16]:
        """Draw it with so many rows."""
        return _DRAW[self.drawing](self.bone_age_months, self.sex, self.seed, rows=rows).image


@dataclass(frozen=True)
class Drawn:
    """Drawn hands as a source: each part has seeds of its own.

    Attributes
    ----------
    count
        Of training hands where it is fitted to, of test hands where it is evaluated with.
    drawing
        Which package draws them.
    """

    count: int
    drawing: Drawings = "phantom"
    are_radiographs: bool = False

    @property
    def description(self) -> str:
        """What they are, in words."""
        packages = " and ".join(f"training.{one}" for one in DRAWINGS if self.drawing in {one, "both"})
        return f"hands drawn by {packages}; no radiograph of a patient"

    def parts(self, fractions: Fractions, seed: int, counts: Counts | None = None) -> dict[Part, list[Case]]:
        """Return the training hands, and for each other part a fifth as many, or as many as `counts` says."""
        others = max(1, self.count // _TRAINING_HANDS_FOR_ANOTHER)
        wanted = dict.fromkeys(Part, others) | dict(counts or {}) | {Part.TRAINING: self.count}
        return {part: phantoms(part, count, self.drawing) for part, count in wanted.items()}

    def chosen(self, part: Part | None, fractions: Fractions, seed: int) -> list[Case]:
        """Return the first hands of a part, the test hands by default."""
        return phantoms(part or Part.TEST, self.count, self.drawing)


def phantoms(part: Part, count: int, drawing: Drawings = "phantom") -> list[Case]:
    """Return the drawn hands of a part.

    Half of the ages are uniform over all ages, so that the few infants and adults are learned too; half follow
    the distribution of the RSNA training set, so that most effort goes where most radiographs are.

    Parameters
    ----------
    part
        What they are for.
    count
        How many, at most 1,000,000,000; fewer are the first of more.
    drawing
        Which package draws them; ages, sexes and seeds are the same by each.

    Returns
    -------
    list of Case
        Ages from 1 to 228 months, the sexes even.
    """
    first = FIRST_SEEDS[part]
    return [drawn_case(seed, drawing) for seed in range(first, first + count)]


def drawn_case(seed: int, drawings: Drawings = "phantom") -> Case:
    """Return the hand of a seed, whose bone age and sex follow from that, too.

    Parameters
    ----------
    seed
        At least 0.
    drawings
        Which package draws it.
    """
    drawing = drawings
    if drawing == "both":
        drawing = "hand" if seed % _PHANTOM_EVERY else "phantom"
    rng = np.random.default_rng([seed, 1])  # 1: other numbers than those of the drawing, which starts from `seed`
    uniform = rng.uniform(MIN_BONE_AGE_MONTHS, MAX_BONE_AGE_MONTHS)
    as_in_rsna = rng.normal(_RSNA_MEAN_MONTHS, _RSNA_SD_MONTHS)
    months = uniform if rng.random() < 0.5 else as_in_rsna  # noqa: PLR2004  half of each
    sex = Sex.MALE if rng.random() < 0.5 else Sex.FEMALE  # noqa: PLR2004  half of each
    months = float(np.clip(months, MIN_BONE_AGE_MONTHS, MAX_BONE_AGE_MONTHS))
    name = f"phantom {seed}"
    return Case(
        name, name, sex, months, _chronological_age_months(months, sex, seed), Phantom(months, sex, seed, drawing)
    )


def _chronological_age_months(bone_age_months: float, sex: Sex, seed: int) -> float:
    """Return the age at which the bone age is off by a normally drawn number of Brush standard deviations."""
    score = np.random.default_rng([seed, 2]).normal()  # 2: other numbers than those of the drawing and of its age
    return brush.chronological_age_months(sex, bone_age_months, float(np.clip(score, -brush.MOST_SDS, brush.MOST_SDS)))
