"""How the bones of one person differ from the usual: lengths, widths, cortex, density, the form of single bones.

Before it comes nothing but chance; after it `long_bone` and `carpal` shape bones so.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.hand.sizes import Floats, long_bones, round_bones
from training.phantom.outline import Points

# Standard deviations between people: of lengths and widths, each a part that the hand shares and one of the bone alone.
# Lengths of single bones vary by 5 to 7 % at one age (Garn et al. 1972), most of it shared; the rest by eye.
_ROW_LENGTH, _BONE_LENGTH = 0.025, 0.022
_HAND_WIDTH, _BONE_WIDTH = 0.06, 0.03
# How often a metacarpal has a pseudo-epiphysis: some per cent (by eye, and wider than a clinic sees).
_PSEUDO_EPIPHYSIS: Final = {"metacarpal_2": 0.05, "metacarpal_3": 0.01, "metacarpal_4": 0.01, "metacarpal_5": 0.04}


@dataclass(frozen=True)
class Variation:
    """How one bone differs from the usual.

    Attributes
    ----------
    width, waist, flare : float
        Factors on all widths, the waist's and the length of the flares.
    skew : float
        Share by which the thumb's side of the ends is wider.
    bend : float
        How much more the waist lies to the thumb's side, as a share of the length.
    cortex, density : float
        Factors.
    line : float
        Factor on the dense lines at plates and joints.
    wave : Floats
        (9,) unevenness of the metaphysis, shares of its width.
    gap : float
        Factor on the distance of the epiphysis from the shaft.
    cup : float
        How far a ball lies in the cup of a child's metaphysis, a share of its width.
    offset : float
        How far a child's epiphysis lies to the thumb's side of the shaft's middle, a share of its width.
    pseudo_epiphysis : float
        How deep a notch crosses the end without a plate, from 0 for none to 1.
    """

    width: float
    waist: float
    flare: float
    skew: float
    bend: float
    cortex: float
    density: float
    line: float
    wave: Floats
    gap: float
    cup: float
    offset: float
    pseudo_epiphysis: float


@dataclass(frozen=True)
class RoundVariation:
    """How one round bone differs from the usual.

    Attributes
    ----------
    size : Points
        (2,) factors along x and y.
    lean : float
        Radians it is turned.
    shift_mm : Points
        (2,) how far it lies from its usual place, of a grown man's hand.
    waves : Points
        (3, 2) cosine and sine of two to four waves around the outline, as shares of its radius.
    cortex, density : float
        Factors.
    """

    size: Points
    lean: float
    shift_mm: Points
    waves: Points
    cortex: float
    density: float


def sample_lengths(rng: np.random.Generator) -> dict[str, float]:
    """Draw a factor on the length of each long bone; what bones of a row share is drawn first."""
    names = list(long_bones())
    rows = sorted({name.rpartition("_")[0] for name in names})
    shared = dict(zip(rows, rng.normal(0, _ROW_LENGTH, len(rows)), strict=True))
    own = rng.normal(0, _BONE_LENGTH, len(names))
    return {name: float(np.exp(shared[name.rpartition("_")[0]] + one)) for name, one in zip(names, own, strict=True)}


def sample_variations(rng: np.random.Generator) -> dict[str, Variation]:
    """Draw how each long bone differs from the usual; what a hand shares is drawn first."""
    width, waist, cortex, density, line, gap = np.exp(rng.normal(0, 1, 6) * (_HAND_WIDTH, 0.05, 0.22, 0.22, 0.3, 0.28))
    cup = float(rng.uniform(-0.03, 0.09))  # by eye: from beside the rim to well within
    return {
        name: Variation(
            width=float(width * np.exp(rng.normal(0, _BONE_WIDTH))),
            waist=float(waist * np.exp(rng.normal(0, 0.04))),
            flare=float(np.exp(rng.normal(0, 0.12))),
            skew=float(rng.normal(0, 0.05)),
            bend=float(rng.normal(0, 0.007)),
            cortex=float(cortex * np.exp(rng.normal(0, 0.08))),
            density=float(density * np.exp(rng.normal(0, 0.08))),
            line=float(line * np.exp(rng.normal(0, 0.15))),
            wave=rng.normal(0, 0.02, 9),
            gap=float(gap * np.exp(rng.normal(0, 0.2))),
            cup=cup,
            offset=float(rng.normal(0, 0.05)),
            pseudo_epiphysis=_pseudo_epiphysis(name, rng),
        )
        for name in long_bones()
    }


def _pseudo_epiphysis(name: str, rng: np.random.Generator) -> float:
    """Draw whether a metacarpal has a notch at its base, most often the second and the fifth."""
    has_it, depth = rng.binomial(1, _PSEUDO_EPIPHYSIS.get(name, 0.0)), rng.uniform(0.4, 1.0)
    return float(has_it * depth)


def sample_round_variations(rng: np.random.Generator) -> dict[str, RoundVariation]:
    """Draw how each round bone differs from the usual; what a hand shares is drawn first."""
    size, cortex, density = np.exp(rng.normal(0, 1, 3) * (0.06, 0.25, 0.22))
    size *= 1.03
    return {
        name: RoundVariation(
            size=size * np.exp(rng.normal(0, 0.045, 2)),
            lean=float(rng.normal(0, 0.09)),
            shift_mm=rng.normal(0, 0.5, 2),
            waves=rng.normal(0, 0.022, (3, 2)),
            cortex=float(cortex),
            density=float(density * np.exp(rng.normal(0, 0.08))),
        )
        for name in round_bones()
    }
