"""A contact sheet of drawn hands, to look at beside real radiographs.

Before it comes `phantom`; nothing after it.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from db.vocabulary import Sex
from training.phantom.phantom import draw


def contact_sheet(
    bone_ages_months: Sequence[float],
    sexes: Sequence[Sex] = (Sex.MALE, Sex.FEMALE),
    seeds: Sequence[int] = (0,),
    rows: int = 420,
) -> NDArray[np.uint8]:
    """Draw hands side by side: a row for each sex and seed, a column for each bone age.

    Parameters
    ----------
    bone_ages_months : sequence of float
        0 to 240 each.
    sexes : sequence of Sex
        Male, female or both.
    seeds : sequence of int
        One hand, pose and appearance each.
    rows : int
        Height of one radiograph.

    Returns
    -------
    ndarray
        (rows, columns) uint8, bone bright, with bone age, sex and seed written above each hand.
    """
    columns = round(0.87 * rows)
    lines = [
        np.hstack([_tile(age, sex, seed, rows, columns) for age in bone_ages_months]) for sex in sexes for seed in seeds
    ]
    return np.vstack(lines)


def _tile(bone_age_months: float, sex: Sex, seed: int, rows: int, columns: int) -> NDArray[np.uint8]:
    image = (draw(bone_age_months, sex, seed, rows).image >> 8).astype(np.uint8)
    tile = np.pad(image, ((0, 0), (0, columns - image.shape[1])))
    words = f"{bone_age_months:.0f} months {sex} seed {seed}"
    cv2.putText(tile, words, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1, cv2.LINE_AA)
    return tile
