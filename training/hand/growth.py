"""What shaft and epiphysis of a long bone have in common as they grow: maturity, widths, the white line at the plate.

Before it comes `timing`; after it `shaft` and `epiphysis` shape their pieces.
"""

from typing import Final

import numpy as np

from training.hand.sizes import Kind, LongBone
from training.hand.variation import Variation
from training.phantom.proportions import Scale
from training.phantom.timing import Progress

# Shares of the volume that are mineral, beside cortical bone: spongy bone has 0.15 to 0.35 at the ends of hand bones,
# marrow nearly none; the metaphysis is denser near its plate (by eye).
SPONGY: Final = 0.17
MARROW: Final = 0.04
METAPHYSIS: Final = 0.07
SHELL_MM: Final = 0.35
"""Thickness of the cortex at the ends, but for its variation."""


def maturity_of(progress: Progress) -> float:
    """Tell how much of its grown shape a bone has, from 0 to 1, by the growth of its epiphysis."""
    share = float(np.clip((progress.growth - 0.15) / 0.75, 0, 1))
    return share * share * (3 - 2 * share)


def widths_mm(adult: LongBone, scale: Scale, variation: Variation, maturity: float) -> tuple[float, float, float]:
    """Return a bone's widths at its plate, its waist and its other end, mm."""
    near, waist, far = (width * variation.width for width in adult.widths_mm)
    waist *= scale.waist * variation.waist * (0.92 + 0.08 * scale.grown)  # by eye: slender in a child
    far *= scale.width
    young = waist + 0.85 * (far - waist)  # a child's shaft flares less at the end without a plate
    return near * scale.width, waist, young + maturity * (far - young)


def line_mm_of(progress: Progress, kind: Kind, maturity: float) -> float:
    """Tell how much mineral the white line at a growth plate holds; it fades when the plate has fused."""
    open_plate = (0.45 + 0.35 * progress.growth) * (0.3 + 0.7 * maturity if kind.is_ball else 1)
    return open_plate * (0.12 + 0.88 * progress.scar) if progress.has_fused else open_plate
