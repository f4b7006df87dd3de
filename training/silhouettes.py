"""Mean silhouettes of drawn hands, by which `worker.pose` tells how a hand lies.

Before it: `training.sources.phantoms` draws hands, left ones and upright. After it: ``worker/silhouettes.png``. Hands
that lie alike, with fingers closed or spread and of one age, have one mean: a mixture of Bernoulli distributions,
fitted by hard assignments.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from training.cases import Case
from worker.crop import hand_mask
from worker.silhouette import Silhouette, silhouette

ROWS: Final = 288  # of a drawn hand; the silhouette is found in 256 px
_ROUNDS: Final = 15
_LEAST_PROBABILITY: Final = 0.03

Float64 = npt.NDArray[np.float64]


def silhouettes_of(cases: Sequence[Case]) -> list[Silhouette]:
    """Draw hands and return their silhouettes; those that are not found in their pictures are left out."""
    masks = (hand_mask(case.picture.standard_radiograph(ROWS)) for case in cases)
    return [silhouette(mask) for mask in masks if mask is not None]


def mean_silhouettes(seen: Sequence[Silhouette], count: int, seed: int = 0) -> Float64:
    """Return the means of hands that lie alike.

    Parameters
    ----------
    seen
        At least as many as means.
    count
        How many means.
    seed
        Chooses the hands to begin with.

    Returns
    -------
    numpy.ndarray
        (count, angles, radii) float64 in (0, 1): how probable it is that a place lies in the hand. The same for the
        same arguments.
    """
    is_seen = np.stack([one.is_seen for one in seen]).astype(np.float64)
    inside = np.stack([one.hand for one in seen]) * is_seen
    first = np.random.default_rng(seed).choice(len(seen), count, replace=False)
    means = np.clip(inside[first], 0.05, 0.95)
    for _ in range(_ROUNDS):
        likely = np.tensordot(inside, np.log(means), ([1, 2], [1, 2]))
        likely += np.tensordot(is_seen - inside, np.log(1 - means), ([1, 2], [1, 2]))
        nearest = likely.argmax(axis=1)
        for number in range(count):
            alike = nearest == number
            # Half a hand that is half there, so that a place which no picture holds says nothing.
            mean = (inside[alike].sum(axis=0) + 0.25) / (is_seen[alike].sum(axis=0) + 0.5)
            means[number] = np.clip(mean, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return means
