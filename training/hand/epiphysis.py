"""The epiphysis of a long bone, from a dot to a cap, and the plate between it and the shaft.

Before it comes `shaft`, whose end it follows; after it `long_bone` joins them.
"""

import numpy as np

from training.hand.growth import METAPHYSIS, SHELL_MM, SPONGY, line_mm_of, maturity_of, widths_mm
from training.hand.piece import ACROSS, ALONG, Piece, S, across
from training.hand.sizes import LongBone
from training.hand.variation import Variation
from training.phantom.proportions import Scale
from training.phantom.timing import Progress

# An epiphysis at each share of its growth: width, height and distance from the shaft beside the metaphysis' width, and
# the exponent of its superellipse at the plate. By eye on radiographs of the RSNA set at 24, 54, 102, 120, 149 and 168
# months: a dot, an oval of half the width, a disc, as wide, wider; Greulich and Pyle 1959 describe the same course.
_GROWTH = (0.0, 0.1, 0.25, 0.5, 0.8, 1.0)
_WIDTH = (0.16, 0.60, 0.82, 0.93, 1.02, 1.07)
_HEIGHT = (0.10, 0.16, 0.20, 0.25, 0.28, 0.29)
_GAP = (0.17, 0.13, 0.085, 0.055, 0.042, 0.036)
_SQUARENESS = (2.0, 2.1, 2.4, 3.2, 4.5, 6.0)
_BALL_SOONER = 0.6


def epiphysis_of(adult: LongBone, progress: Progress, scale: Scale, variation: Variation, shaft: Piece) -> Piece:
    """Shape the epiphysis of one long bone, which has appeared.

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
    shaft : Piece
        Of the same bone, from `training.hand.shaft`.

    Returns
    -------
    Piece
        In the bone's own frame.
    """
    kind, maturity = adult.kind, maturity_of(progress)
    near, _, _ = widths_mm(adult, scale, variation, maturity)
    # A ball is nearly round, and nearly as wide as the shaft, when a disc is half way there.
    growth = progress.growth**_BALL_SOONER if kind.is_ball else progress.growth
    course = (np.interp(growth, _GROWTH, values) for values in (_WIDTH, _HEIGHT, _GAP, _SQUARENESS))
    width, height, gap, squareness = (float(value) for value in course)
    if kind.is_ball:
        height = min(height, 0.3 * width)
    width, height, gap = (
        value * factor * near for value, factor in zip((width, height, gap), kind.epiphysis, strict=True)
    )
    gap *= variation.gap * (1 - 0.75 * progress.closing)
    if kind.is_ball:
        gap -= variation.cup * (1 - maturity) * near  # it lies in the cup of the metaphysis, and covers its rim
    rounded = 1 - np.abs(S) ** squareness
    towards_plate = (1 - np.clip(rounded, 0, 1) ** (1 / squareness)) * height / 2
    # A grown disc follows the metaphysis; a dot is round.
    level = float(shaft.near_mm[ACROSS // 2])
    follows = maturity * (shaft.near_mm - level)
    dome = 2 + (kind.dome - 2) * maturity
    towards_joint = (
        (1 - np.clip(1 - np.abs(S) ** dome, 0, 1) ** (1 / dome)) * height * (0.5 + 0.35 * maturity * kind.is_ball)
    )
    far = level - gap - towards_plate + follows
    joint = level - gap - height + towards_joint + min(1.6 * progress.growth, 1.0) * across(kind.joint) * near
    closing, half = progress.closing, width / 2
    line = variation.line * line_mm_of(progress, kind, maturity)
    return Piece(
        start_mm=float(joint.min()),
        end_mm=float(far.max()),
        bend_mm=np.full(ALONG, variation.offset * (1 - maturity) * near),
        left_mm=np.full(ALONG, half * (1 - variation.skew)),
        right_mm=np.full(ALONG, half * (1 + variation.skew)),
        depth_mm=np.full(ALONG, half * kind.depth),
        cortex_mm=np.full(ALONG, min(SHELL_MM * variation.cortex, 0.5 * half)),
        density=np.full(ALONG, (SPONGY + 0.03) * variation.density),
        near_mm=joint,
        far_mm=far,
        round_mm=(min(0.55 * height, 0.5 * half), 0.02 + 0.3 * height * (1 - closing)),
        shell_mm=(0.35, 0.35 * (1 - closing)),
        line_mm=((0.15 + 0.45 * maturity) * variation.line, 0.6 * line),
        fill=np.ones(ACROSS),
        origin_mm=np.zeros(2),
        angle=0.0,
    )


def plate_of(progress: Progress, shaft: Piece, epiphysis: Piece, variation: Variation) -> Piece:
    """Shape what lies between epiphysis and shaft, and how much of it has turned to bone, from the middle outwards.

    Parameters
    ----------
    progress : Progress
        How far the plate has come.
    shaft, epiphysis : Piece
        On either side of it.
    variation : Variation
        How the bone differs from the usual.

    Returns
    -------
    Piece
        In the bone's own frame; its `fill` is 0 while the plate is open and 1 when it has fused.
    """
    reach = 1.6 * progress.closing
    fill = (
        np.clip((reach - 0.6 * np.abs(S + 0.5 * variation.skew)) * 1.8 - 0.2, 0, 1) if progress.closing > 0 else 0 * S
    )
    wide = progress.closing
    half = [
        (1 - wide) * getattr(epiphysis, side) + wide * float(getattr(shaft, side)[16])
        for side in ("left_mm", "right_mm")
    ]
    near, far = epiphysis.far_mm, np.maximum(shaft.near_mm, epiphysis.far_mm)
    return Piece(
        start_mm=float(near.min()),
        end_mm=float(far.max()),
        bend_mm=np.zeros(ALONG),
        left_mm=half[0],
        right_mm=half[1],
        depth_mm=np.full(ALONG, float(shaft.depth_mm[16])),
        cortex_mm=np.full(ALONG, SHELL_MM * 0.8),
        density=np.full(ALONG, (SPONGY + METAPHYSIS) * variation.density),
        near_mm=near,
        far_mm=far,
        round_mm=(0.01, 0.01),
        shell_mm=(0.0, 0.0),
        line_mm=(0.0, 0.0),
        fill=fill,
        origin_mm=np.zeros(2),
        angle=0.0,
    )
