"""The batches of one epoch, each a function of recipe, epoch and batch alone, so that a run can go on exactly.

Before it: pictures from `training.cache`, varied by `training.augment`. After it: `training.pipeline` makes them beside
the steps, `training.loop` takes them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.augment import augment
from training.cases import Case
from training.recipe import Recipe
from worker.preprocess import encode_sex
from worker.stage import ADOLESCENT_FROM_MONTHS, ADULT_FROM_MONTHS, STAGES

Float32 = npt.NDArray[np.float32]
Batch = tuple[Float32, Float32, Float32, Float32]


@dataclass(frozen=True)
class Labelled:
    """Pictures (n, rows, columns) uint8, network input times 255, and what is known of each."""

    images: npt.NDArray[np.uint8]
    cases: Sequence[Case]


class Epoch:
    """The batches of one epoch.

    Parameters
    ----------
    recipe
        With its batch size, size of pictures, variations and balancing.
    labelled
        What is learned from.
    epoch
        From 0.

    Attributes
    ----------
    sex
        (n,) float32, 1 male and 0 female, of the radiographs in their own order.
    """

    def __init__(self, recipe: Recipe, labelled: Labelled, epoch: int) -> None:
        self._recipe, self._images, self._epoch = recipe, labelled.images, epoch
        self.sex = np.array([encode_sex(case.sex) for case in labelled.cases], np.float32)
        self._reference = references(recipe, labelled.cases)
        rng, count, share = (
            np.random.default_rng([recipe.fit.seed, epoch]),
            len(labelled.cases),
            balanced(labelled.cases),
        )
        balancing = recipe.fit.class_balancing
        self._weight = (share * count if balancing == "weights" else np.ones(count)).astype(np.float32)
        self._order = rng.choice(count, count, p=share) if balancing == "sampling" else rng.permutation(count)

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._recipe.fit.batch_size)

    def size_of(self, number: int) -> int:
        """Return how many radiographs a batch has."""
        return min(self._recipe.fit.batch_size, len(self._order) - number * self._recipe.fit.batch_size)

    def batch(self, number: int, part: int = 0, parts: int = 1) -> Batch:
        """Return a batch, or what one of several devices sees of it.

        Parameters
        ----------
        number
            From 0.
        part, parts
            Every so many-th radiograph of it, from this one on.

        Returns
        -------
        tuple
            Image (n, rows, columns, 1) in [0, 1], sex (n,) 1 male and 0 female, reference (n,), months or stage 0 to
            2, and weight (n,), which is 1 together over all parts unless stages are weighed; all float32.
        """
        size = self._recipe.fit.batch_size
        chosen = np.sort(self._order[number * size : (number + 1) * size])
        weight = self._weight[chosen] / np.float32(len(chosen))
        places = range(part, len(chosen), parts)
        varied = [self._varied(chosen[place], [self._recipe.fit.seed, self._epoch, number, place]) for place in places]
        mine = chosen[part::parts]
        return np.stack(varied)[..., np.newaxis], self.sex[mine], self._reference[mine], weight[part::parts]

    def _varied(self, index: int, seeds: list[int]) -> Float32:
        image = self._images[index].astype(np.float32) / np.float32(255)
        varied = augment(image, self._recipe.augmentation, np.random.default_rng(seeds))
        return shrunk(varied, self._recipe.fit.shrink_in(self._epoch))


def references(recipe: Recipe, cases: Sequence[Case]) -> Float32:
    """Return what a network is to answer.

    Parameters
    ----------
    recipe
        Whose head answers with bone ages or stages.
    cases
        The radiographs.

    Returns
    -------
    numpy.ndarray
        (n,) float32: months, or 0, 1, 2 for child, adolescent, adult.
    """
    months = np.array([case.bone_age_months for case in cases], np.float32)
    return months if recipe.head.answers == "bone_age" else stage_numbers(months).astype(np.float32)


def stage_numbers(bone_age_months: npt.NDArray[np.floating]) -> npt.NDArray[np.intp]:
    """Return 0, 1 or 2 for child, adolescent, adult of bone ages (n,) in months."""
    return np.asarray(np.digitize(bone_age_months, (ADOLESCENT_FROM_MONTHS, ADULT_FROM_MONTHS)))


def shrunk(image: Float32, shrink: int) -> Float32:
    """Return a picture (rows, columns) with rows and columns divided by a whole number, each pixel a mean."""
    if shrink == 1:
        return image
    rows, columns = image.shape
    resized = cv2.resize(image, (columns // shrink, rows // shrink), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.float32)


def balanced(cases: Sequence[Case]) -> npt.NDArray[np.float64]:
    """Return shares (n,), 1 together, so that each stage that is there has as much as another.

    Parameters
    ----------
    cases
        One or more.
    """
    stages = stage_numbers(np.array([case.bone_age_months for case in cases]))
    counts = np.bincount(stages, minlength=len(STAGES))
    return np.asarray(1 / (np.count_nonzero(counts) * counts[stages]))
