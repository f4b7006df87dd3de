"""One long bone in its own frame: shaft, epiphysis, and the growth plate that narrows, bridges and leaves a line.

Before it come `timing` (how far the plate has come) and `sizes` (how large the bone becomes); after it `skeleton`
places the pieces. While it is shaped, v is 0 at the joint that the epiphysis makes; a bone whose plate is distal is
turned over at the end.
"""

from dataclasses import dataclass

import numpy as np

from training.hand.piece import ACROSS, ALONG, Floats, Piece, S, across, smooth
from training.hand.sizes import Kind, LongBone
from training.phantom.proportions import Scale
from training.phantom.timing import Progress

# An epiphysis at each share of its growth: width, height and distance from the shaft beside the metaphysis' width, and
# the exponent of its superellipse at the plate. By eye on radiographs of the RSNA set at 24, 54, 102, 120, 149 and 168
# months: a dot, an oval of half the width, a disc, as wide, wider; Greulich and Pyle 1959 describe the same course.
_GROWTH = (0.0, 0.1, 0.25, 0.5, 0.8, 1.0)
_WIDTH = (0.16, 0.60, 0.82, 0.93, 1.02, 1.07)
_HEIGHT = (0.10, 0.16, 0.20, 0.25, 0.28, 0.29)
_GAP = (0.20, 0.18, 0.13, 0.075, 0.05, 0.04)
_SQUARENESS = (2.0, 2.1, 2.4, 3.2, 4.5, 6.0)

# Shares of the volume that are mineral, beside cortical bone: spongy bone has 0.15 to 0.35 at the ends of hand bones,
# marrow nearly none; the metaphysis is denser near its plate (by eye).
_SPONGY, _MARROW, _METAPHYSIS = 0.17, 0.04, 0.07
# Thickness of the cortex beside the waist's width: two of them take 0.4 to 0.5 of a grown second metacarpal, a third
# in a small child (Garn's metacarpal index), a little less here for the look; at the ends a thin shell.
_CORTEX_YOUNG, _CORTEX_GROWN = 0.12, 0.21
_SHELL_MM = 0.35
# Where the notch of a pseudo-epiphysis crosses, and how wide it is, as shares of the shaft (by eye).
_NOTCH_AT, _NOTCH_WIDTH = 0.16, 0.018


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
    pseudo_epiphysis: float


def long_bone(
    adult: LongBone, progress: Progress, scale: Scale, variation: Variation, length_mm: float
) -> tuple[Piece, ...]:
    """Shape one long bone as far as it has grown.

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
    tuple of Piece
        In its own frame, from its proximal end at the origin along v.
    """
    shaft = _shaft(adult, progress, scale, variation, length_mm)
    pieces: tuple[Piece, ...] = (shaft,)
    if progress.has_appeared:
        epiphysis = _epiphysis(adult, progress, scale, variation, shaft)
        pieces += (epiphysis, _plate(progress, shaft, epiphysis, variation))
    return tuple(piece.turned_over(length_mm) for piece in pieces) if adult.kind.is_plate_distal else pieces


def _shaft(adult: LongBone, progress: Progress, scale: Scale, variation: Variation, length_mm: float) -> Piece:
    kind, maturity = adult.kind, _maturity(progress)
    near, waist, far = _widths_mm(adult, scale, variation, maturity)
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
    closing, line = progress.closing, variation.line * _line_mm(progress)
    spongy = np.maximum(np.clip(1 - share / 0.35, 0, 1), np.clip(1 - (1 - share) / 0.4, 0, 1))
    marrow = _MARROW + 0.07 * (1 - scale.grown)  # the narrow cavity of a child holds more bone
    near_plate = np.exp(-np.abs(share) * (end - start) / (0.35 * near))
    density = marrow + (_SPONGY - marrow) * spongy + _METAPHYSIS * near_plate
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


def _epiphysis(adult: LongBone, progress: Progress, scale: Scale, variation: Variation, shaft: Piece) -> Piece:
    kind, maturity = adult.kind, _maturity(progress)
    near, _, _ = _widths_mm(adult, scale, variation, maturity)
    course = (np.interp(progress.growth, _GROWTH, values) for values in (_WIDTH, _HEIGHT, _GAP, _SQUARENESS))
    width, height, gap, squareness = (float(value) for value in course)
    if kind.is_ball:
        height = min(height, 0.36 * width)
    width, height, gap = (
        value * factor * near for value, factor in zip((width, height, gap), kind.epiphysis, strict=True)
    )
    gap *= variation.gap * (1 - 0.75 * progress.closing)
    if kind.is_ball:
        gap -= 0.10 * (1 - maturity) * near  # it lies in the cup of the metaphysis, and covers its rim
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
    return Piece(
        start_mm=float(joint.min()),
        end_mm=float(far.max()),
        bend_mm=np.zeros(ALONG),
        left_mm=np.full(ALONG, half * (1 - variation.skew)),
        right_mm=np.full(ALONG, half * (1 + variation.skew)),
        depth_mm=np.full(ALONG, half * kind.depth),
        cortex_mm=np.full(ALONG, min(_SHELL_MM * variation.cortex, 0.5 * half)),
        density=np.full(ALONG, (_SPONGY + 0.03) * variation.density),
        near_mm=joint,
        far_mm=far,
        round_mm=(min(0.55 * height, 0.5 * half), 0.02 + 0.3 * height * (1 - closing)),
        shell_mm=(0.35, 0.35 * (1 - closing)),
        line_mm=((0.15 + 0.45 * maturity) * variation.line, 0.6 * variation.line * _line_mm(progress)),
        fill=np.ones(ACROSS),
        origin_mm=np.zeros(2),
        angle=0.0,
    )


def _plate(progress: Progress, shaft: Piece, epiphysis: Piece, variation: Variation) -> Piece:
    """Shape what lies between epiphysis and shaft, and how much of it has turned to bone, from the middle outwards."""
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
        cortex_mm=np.full(ALONG, _SHELL_MM * 0.8),
        density=np.full(ALONG, (_SPONGY + _METAPHYSIS) * variation.density),
        near_mm=near,
        far_mm=far,
        round_mm=(0.01, 0.01),
        shell_mm=(0.0, 0.0),
        line_mm=(0.0, 0.0),
        fill=fill,
        origin_mm=np.zeros(2),
        angle=0.0,
    )


def _maturity(progress: Progress) -> float:
    """Tell how much of its grown shape a bone has, from 0 to 1, by the growth of its epiphysis."""
    share = float(np.clip((progress.growth - 0.15) / 0.75, 0, 1))
    return share * share * (3 - 2 * share)


def _widths_mm(adult: LongBone, scale: Scale, variation: Variation, maturity: float) -> tuple[float, float, float]:
    near, waist, far = (width * variation.width for width in adult.widths_mm)
    waist *= scale.waist * variation.waist
    far *= scale.width
    young = waist + 0.85 * (far - waist)  # a child's shaft flares less at the end without a plate
    return near * scale.width, waist, young + maturity * (far - young)


def _line_mm(progress: Progress) -> float:
    """Tell how much mineral the white line at a growth plate holds; it fades when the plate has fused."""
    open_plate = 0.45 + 0.35 * progress.growth
    return open_plate * (0.12 + 0.88 * progress.scar) if progress.has_fused else open_plate


def _notch(variation: Variation, progress: Progress) -> float:
    """Tell how deep the notch of a pseudo-epiphysis is: it closes long before the true plate does."""
    return variation.pseudo_epiphysis * float(np.clip((0.75 - progress.growth) / 0.3, 0, 1))


def _cortex_mm(spongy: Floats, waist_mm: float, grown: float) -> Floats:
    at_waist = (_CORTEX_YOUNG + (_CORTEX_GROWN - _CORTEX_YOUNG) * grown) * waist_mm
    return _SHELL_MM + (at_waist - _SHELL_MM) * (1 - spongy) ** 1.3


__all__ = ["Kind", "Variation", "long_bone"]
