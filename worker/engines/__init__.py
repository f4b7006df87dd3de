"""Engines: what runs a bundle's exported function on a device, one file each, with the same three names.

Before them: `worker.preprocess`. After them: staging, explaining and recording. Each module has a function
``load(bundle) -> Engine``; this one holds what they share and imports no machine learning.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Predictions:
    """What the exported function says about n radiographs.

    Attributes
    ----------
    bone_age_months
        (n,) float32; NaN where the network takes sex and it is not known.
    bone_age_if_female_months, bone_age_if_male_months
        (n,) float32: the same radiograph under either sex.
    heat_map
        (n, h, w) float32 ≥ 0: Grad-CAM of the predicted months, or of the likeliest stage, at the last convolution,
        over the network input.
    embedding
        (n, d) float32: the pooled features.
    stage_probabilities
        (n, 3) float32, child, adolescent, adult, of networks that answer stages, whose months are NaN; else None.
    """

    bone_age_months: Float32
    bone_age_if_female_months: Float32
    bone_age_if_male_months: Float32
    heat_map: Float32
    embedding: Float32
    stage_probabilities: Float32 | None = None


class EngineName(StrEnum):
    """What can run a bundle, as the setting and assessments name it; see `worker.engines.choice`."""

    OPENVINO = "openvino"
    TENSORFLOW = "tensorflow"


class Engine(Protocol):
    """A loaded bundle; safe to use from several threads."""

    def warm_up(self) -> None:
        """Run once on an empty radiograph, so that the first real one does not pay for the set-up."""

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        """Assess n radiographs.

        Parameters
        ----------
        image
            (n, rows, columns, 1) float32 in [0, 1], bone bright, from `worker.preprocess.preprocess`. Not changed.
        sex
            (n,) float32: 1 male, 0 female, NaN unknown, from `worker.preprocess.encode_sex`. Not changed.

        Returns
        -------
        Predictions
            In the same order.

        Raises
        ------
        ValueError
            If the shapes are not those of the card, or a sex is another number.
        """
