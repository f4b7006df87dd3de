"""Two versions of a model whose errors are known: no network has to be built."""

import numpy as np
import numpy.typing as npt

from training.pairs import Answers, Pair
from training.predictions import Predictions
from training.refreshing import RefreshRecipe

RULES = RefreshRecipe(gap_margin_months=0.5)
COUNT = 240
AGES = np.tile([30.0, 100.0, 140.0, 200.0], COUNT // 4)  # 60 each, of both sexes as many
IS_MALE = np.arange(COUNT) // 4 % 2 == 1

Float64 = npt.NDArray[np.float64]


def answers(error: Float64 | float, *, covered: npt.NDArray[np.bool_] | None = None) -> Answers:
    return Answers(Predictions("starter", AGES, AGES + error, IS_MALE), covered)


def pair(active: Float64 | float, candidate: Float64 | float) -> Pair:
    return Pair(answers(active), answers(candidate))


def simulated(seed: int) -> tuple[np.random.Generator, Float64, Answers]:
    """Return the errors of an active version, 12 months of girls and 7 of boys (one standard deviation)."""
    rng = np.random.default_rng(seed)
    error = rng.normal(0, np.where(IS_MALE, 7, 12))
    return rng, error, answers(error, covered=np.abs(error) < 16)
