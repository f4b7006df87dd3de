"""Where a network's heat maps are hot on drawn hands, of which it is known where growth plates and carpal bones are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training import hand, phantom
from training.cache import seen
from training.cases import Case
from training.evaluate import network_input
from worker.engines import Engine
from worker.explain import explain, over_radiograph
from worker.preprocess import Preprocessing, encode_sex

_DRAW = {"hand": hand.draw, "phantom": phantom.draw}


@dataclass(frozen=True)
class Heat:
    """What is known of the heat maps of some hands.

    Attributes
    ----------
    share, uniform
        Mean share of the heat that lies on growth plates and carpal bones, and of the radiograph that they take; over
        the maps that are not empty.
    empty
        How many maps have no heat at all.
    """

    share: float
    uniform: float
    empty: int

    @property
    def ratio(self) -> float:
        """How many times as much as of a uniform map."""
        return self.share / self.uniform


def on_bones_that_tell(engine: Engine, hands: Sequence[Case], preprocessing: Preprocessing) -> Heat:
    """Measure how much of the heat lies on growth plates and carpal bones.

    Parameters
    ----------
    engine
        Asked about each hand.
    hands
        Drawn ones.
    preprocessing
        How the engine wants its input.
    """
    shares, uniform = [], []
    for case in hands:
        wanted = case.picture
        draw = _DRAW[wanted.drawing]  # type: ignore[attr-defined]  # as drawn hands have
        drawn = draw(case.bone_age_months, case.sex, wanted.seed, rows=preprocessing.rows * 9 // 8)  # type: ignore[attr-defined]
        image = network_input(seen(drawn.image, preprocessing)[np.newaxis])
        found = engine.predict(image, np.array([encode_sex(case.sex)], np.float32))
        heat = over_radiograph(explain(found.heat_map[0]).grid, drawn.image, preprocessing)
        if heat.any():
            tells = drawn.growth_plate_mask | drawn.carpal_mask
            shares.append(float(heat[tells].sum() / heat.sum()))
            uniform.append(float(tells.mean()))
    return Heat(float(np.mean(shares)), float(np.mean(uniform)), len(hands) - len(shares))
