"""The shaft of a long bone: flared ends, a waist with thick cortex, and the end that makes a joint without a plate.

Before it come `timing`, `sizes` and `variation`; after it `long_bone` joins it to its epiphysis.
"""

import numpy as np

from training.hand.growth import MARROW, METAPHYSIS, SHELL_MM, SPONGY, line_mm_of, maturity_of, widths_mm
from training.hand.piece import ACROSS, ALONG, Floats, Piece, across, smooth
from training.hand.sizes import LongBone
from training.hand.variation import Variation
from training.phantom.proportions import Scale
from training.phantom.timing import Progress

# Thickness of the cortex beside the waist's width: two of them take 0.4 to 0.5 of a grown second metacarpal, a third
# in a small child (Garn's metacarpal index), a little less here for the look; at the ends a thin shell.
_CORTEX_YOUNG, _CORTEX_GROWN = 0.12, 0.21
# Where the notch of a pseudo-epiphysis crosses, and how wide it is, as shares of the shaft (by eye).
_NOTCH_AT, _NOTCH_WIDTH = 0.16, 0.018


def shaft_of(adult: LongBone, progress: Progress, scale: Scale, variation: Variation, length_mm: float) -> Piece:
    """Shape the shaft of one long bone, v 0 at the joint that the epiphysis makes.

    Parameters
    ----------
    adult : LongBone
        Its adult male size.
    progress : Progress
        How far its epiphysis and growth plate have come.
    scale : Scale
        How large the hand is.
    variation : Variation
        How it differs from the usual.
    length_mm : float
        From joint to joint, as seen.

    Returns
    -------
    Piece
        In the bone's own frame.
    """
    kind, maturity = adult.kind, maturity_of(progress)
    near, waist, far = widths_mm(adult, scale, variation, maturity)
    start = adult.zone * length_mm
    end = length_mm - 1.6 * (1 - scale.grown)  # the far end of a child's bone is cartilage too
    v = np.linspace(start - 0.08 * near, end, ALONG)
    share = (v - start) / (end - start)
    ends = [
        np.clip(fullness * (1 - at / (reach * variation.flare)), 0, 1) ** power
        for at, reach, power, fullness in zip(
            (share, 1 - share), kind.flare, kind.flare_power, (1.0, 1.45), strict=True
        )
    ]
    half = (waist + (near - waist) * ends[0] + (far - waist) * ends[1]) / 2
    half = smooth(half, 10)
    notch = _notch(variation, progress) * np.exp(-(((1 - share - _NOTCH_AT) / _NOTCH_WIDTH) ** 2))
    uneven = variation.skew * np.clip(ends[0] + ends[1], 0, 1)
    head = (1 - maturity) * kind.young_head + maturity * kind.head
    drawn_in = across(head) * far / 2
    if adult.base_mm is not None:
        drawn_in = (1 - maturity) * across(kind.young_head) * far / 2 + maturity * across(adult.base_mm) * scale.width
    closing, line = progress.closing, variation.line * line_mm_of(progress, kind, maturity)
    spongy = np.maximum(np.clip(1 - share / 0.35, 0, 1), np.clip(1 - (1 - share) / 0.4, 0, 1))
    marrow = MARROW + 0.07 * (1 - scale.grown)  # the narrow cavity of a child holds more bone
    near_plate = np.exp(-np.abs(share) * (end - start) / (0.35 * near))
    denser = METAPHYSIS * (maturity if kind.is_ball else 1)
    density = marrow + (SPONGY - marrow) * spongy + denser * near_plate
    cortex = _cortex_mm(spongy, waist, scale.grown) * variation.cortex
    return Piece(
        start_mm=float(v[0]),
        end_mm=end,
        bend_mm=(adult.bend_mm * scale.length + variation.bend * length_mm) * 4 * share * (1 - share),
        left_mm=half * (1 - uneven) * (1 - 0.2 * notch),
        right_mm=half * (1 + uneven) * (1 - 0.2 * notch),
        depth_mm=half * kind.depth,
        cortex_mm=np.minimum(cortex, 0.8 * half * kind.depth) * (1 - 0.6 * notch),
        density=density * variation.density * (0.7 + 0.3 * scale.grown) * (1 - 0.7 * notch),
        near_mm=start + (across(kind.plate_end) + across(variation.wave) * (0.3 + 0.7 * maturity)) * near,
        far_mm=end - drawn_in,
        round_mm=(0.02 + 0.10 * near * (1 - closing), 0.42 * far),
        shell_mm=(0.4 * (1 - closing), 0.35),
        line_mm=(line, 0.25 * variation.line * maturity),
        fill=np.ones(ACROSS),
        origin_mm=np.zeros(2),
        angle=0.0,
    )


def _notch(variation: Variation, progress: Progress) -> float:
    """Tell how deep the notch of a pseudo-epiphysis is: it closes long before the true plate does."""
    return variation.pseudo_epiphysis * float(np.clip((0.75 - progress.growth) / 0.3, 0, 1))


def _cortex_mm(spongy: Floats, waist_mm: float, grown: float) -> Floats:
    at_waist = (_CORTEX_YOUNG + (_CORTEX_GROWN - _CORTEX_YOUNG) * grown) * waist_mm
    return SHELL_MM + (at_waist - SHELL_MM) * (1 - spongy) ** 1.3
