"""One carpal bone or sesamoid: from a dot to its grown, faceted outline.

Before it come `timing` (how far it has grown) and `sizes` (its grown outline); after it `skeleton` places it.
"""

from dataclasses import dataclass

import numpy as np

from training.hand.sizes import RoundBone
from training.hand.variation import RoundVariation
from training.phantom.outline import Points, place, rounded

# Share of its mature size, beside the hand's, that a carpal bone has at each share of its growth (more than 1, for
# cutting corners takes something away), and how nearly it is a mere ellipse. By eye on radiographs of the RSNA set at
# 24, 54, 60, 69, 82, 102, 120 and 150 months.
_GROWTH = (0.0, 0.04, 0.15, 0.3, 0.5, 0.75, 1.0)
_SIZE = (0.15, 0.40, 0.63, 0.80, 0.93, 1.02, 1.06)
_ROUNDNESS = (1.0, 1.0, 0.9, 0.72, 0.45, 0.15, 0.0)
# The hook shows from the age of some 10 years in boys (by eye), half way of the hamate's growth.
_HOOK_GROWTH = (0.5, 0.8)
_HOOK_MM = np.array(
    [[-19.8, -5], [-19, -2], [-17, -1], [-15.2, -3], [-15, -7], [-16, -10], [-18, -10.7], [-19.6, -8.5]]
)
_HOOK_LINE_MM = 2.2


@dataclass(frozen=True)
class Carpal:
    """One round bone in the hand's frame.

    Attributes
    ----------
    name : str
        As in the table of centres.
    outline_mm : Points
        (n, 2), closed.
    depth_mm : float
        Half its thickness along the beam.
    cortex, density : float
        Factors on its shell and on the mineral inside.
    hook_mm : Points or None
        (n, 2) outline of the hook, the hamate's.
    hook : float
        Mineral in the hook's edge, mm.
    """

    name: str
    outline_mm: Points
    depth_mm: float
    cortex: float
    density: float
    hook_mm: Points | None = None
    hook: float = 0.0


def round_bone(
    name: str, adult: RoundBone, growth: float, variation: RoundVariation, *, factor: float, layout: float
) -> Carpal:
    """Shape one round bone as far as it has grown.

    Parameters
    ----------
    name : str
        As in the table of centres.
    adult : RoundBone
        Its adult male outline.
    growth : float
        0 when it appears, 1 when it is mature.
    variation : RoundVariation
        How it differs from the usual.
    factor : float
        How large the hand's bones are beside a grown man's.
    layout : float
        The same for distances in the carpus.

    Returns
    -------
    Carpal
        In the hand's frame.
    """
    size = float(np.interp(growth, _GROWTH, _SIZE)) * factor
    roundness = float(np.interp(growth, _GROWTH, _ROUNDNESS))
    shape = _uneven(rounded(adult.outline_mm, roundness), variation.waves) * size * variation.size
    centre = (adult.centre_mm + variation.shift_mm) * layout
    half = float(min(np.ptp(shape, axis=0))) / 2
    hook = float(np.interp(growth, _HOOK_GROWTH, (0.0, _HOOK_LINE_MM))) if name == "hamate" else 0.0
    hook_mm = place((_HOOK_MM - adult.centre_mm) * size * variation.size, centre, variation.lean) if hook else None
    outline = place(shape, centre, variation.lean)
    return Carpal(name, outline, adult.depth * half, variation.cortex, variation.density, hook_mm, hook)


def _uneven(shape: Points, waves: Points) -> Points:
    angle = np.arctan2(shape[:, 1], shape[:, 0])[:, None] * np.arange(2, 5)
    radius = 1 + (np.cos(angle) * waves[:, 0] + np.sin(angle) * waves[:, 1]).sum(axis=1)
    return np.asarray(shape * radius[:, None], np.float64)
