"""The flesh around the bones: outlines of fingers, webs, palm, forearm and muscles, and how thick they are.

Before it comes `skeleton`; after it `flesh_path` measures how much of it the beam crosses.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from training.hand.skeleton import Skeleton
from training.phantom.outline import Points

# Half widths in mm of a grown man's fingers at knuckle, two joints and tip, of the palm's edge and the forearm beyond
# its bones: by eye on radiographs of the RSNA set, scaled to a third metacarpal of 65 mm.
_FINGER_MM = (10.5, 9.4, 8.3, 7.2)
_THUMB_MM = (12.5, 11.0, 8.5)
_PALM_EDGE_MM = 11.5
_FOREARM_EDGE_MM = 13.0
_TIP_MM = 2.5
# Half thicknesses along the beam of fingers, palm and forearm: a grown man's palm is some 28 mm thick (by eye).
_FINGER_HALF_MM, _PALM_HALF_MM, _FOREARM_MORE = 8.0, 15.0, 0.35
_WEB_SHARE = 0.36
_MUSCLE_HALF_MM, _FOLD_MM = 2.2, 1.6
_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


@dataclass(frozen=True)
class Flesh:
    """The flesh of one hand.

    Attributes
    ----------
    fingers_mm, webs_mm, palm_mm : tuple of Points
        Convex outlines whose union are the fingers, the skin between their roots, and palm with forearm.
    muscles_mm, folds_mm : tuple of Points
        Outlines of the muscles at the thumb and at the little finger, and of what has sharp edges between thumb and
        index finger.
    finger_half_mm, palm_half_mm, muscle_half_mm : float
        Half thicknesses along the beam.
    wrist_mm, forearm : Points
        (2,) middle of the wrist, and unit vector from there to the elbow.
    forearm_more : float
        How much thicker it grows over 55 mm towards the elbow, as a share.
    fold_mm : float
        Thickness of each fold.
    unevenness : float
        Standard deviation of the thickness from place to place, as a share: fat, muscle and skin are not one.
    seed : int
        Of that.
    """

    fingers_mm: tuple[Points, ...]
    webs_mm: tuple[Points, ...]
    palm_mm: tuple[Points, ...]
    muscles_mm: tuple[Points, ...]
    folds_mm: tuple[Points, ...]
    finger_half_mm: float
    palm_half_mm: float
    muscle_half_mm: float
    wrist_mm: Points
    forearm: Points
    forearm_more: float
    fold_mm: float
    unevenness: float
    seed: int


def clothe(skeleton: Skeleton, rng: np.random.Generator) -> Flesh:
    """Put flesh around a hand's bones.

    Parameters
    ----------
    skeleton : Skeleton
        Its bones and joints.
    rng : numpy.random.Generator
        Draws how plump the hand is; advanced by the same amount each time.

    Returns
    -------
    Flesh
        In mm, in the hand's frame.
    """
    plump = skeleton.scale.flesh * float(np.exp(rng.normal(0.03, 0.12)))
    fingers: list[Points] = []
    for finger, chain in enumerate(skeleton.chains_mm):
        half_widths = np.array(_FINGER_MM if finger else _THUMB_MM) * plump * np.exp(rng.normal(0, 0.04))
        fingers += _finger(chain, half_widths, _TIP_MM * plump)
    arm = float(np.exp(rng.normal(0, 0.4)))
    palm_half, finger_half, muscle_half = np.exp(rng.normal(0, 1, 3) * (0.14, 0.1, 0.3)) * plump
    return Flesh(
        tuple(fingers),
        tuple(_webs(skeleton, plump)),
        (*_palm(skeleton, plump), *_forearm(skeleton, plump)),
        _muscles(skeleton, plump),
        _folds(skeleton, plump, rng.uniform(0, 1, 6)),
        float(_FINGER_HALF_MM * finger_half),
        float(_PALM_HALF_MM * palm_half),
        float(_MUSCLE_HALF_MM * muscle_half),
        skeleton.wrist_mm.mean(axis=0),
        skeleton.forearm,
        _FOREARM_MORE * arm,
        float(_FOLD_MM * plump * rng.uniform(0.2, 1.6)),
        float(rng.uniform(0.003, 0.022)),
        int(rng.integers(1 << 31)),
    )


def _finger(chain: Points, half_widths_mm: Points, tip_mm: float) -> list[Points]:
    joints = chain[1:].copy()
    along = joints[-1] - joints[-2]
    joints[-1] += along / np.linalg.norm(along) * (tip_mm - half_widths_mm[-1] * 0.75)
    return [
        _hull([start, end], [wide, narrow])
        for (start, end), (wide, narrow) in zip(pairwise(joints), pairwise(half_widths_mm), strict=True)
    ]


def _palm(skeleton: Skeleton, plump: float) -> list[Points]:
    edge = _PALM_EDGE_MM * plump
    outlines = []
    for first, second in pairwise(skeleton.chains_mm[1:]):
        bulge = 1.35 if second is skeleton.chains_mm[4] else 1.0  # the muscles of the little finger
        radii = [edge, edge, bulge * edge, 0.5 * (1 + bulge) * edge]
        outlines.append(_hull([first[0], first[1], second[0], second[1]], radii))
    thumb, index, little = (skeleton.chains_mm[finger] for finger in (0, 1, 4))
    web = index[0] + 0.62 * (index[1] - index[0])
    thumb_web = thumb[0] + 0.85 * (thumb[1] - thumb[0])
    outlines.append(_hull([thumb[0], index[0], thumb_web, web], [1.15 * edge, edge, edge, 0.5 * edge]))
    ulna, radius = skeleton.wrist_mm
    across = np.array([skeleton.scale.length, 0.0])
    wrist = [thumb[0], little[0], radius + 16 * across, ulna - 6 * across]
    outlines.append(_hull(wrist, [1.15 * edge, 1.2 * edge, 0.9 * edge, 0.8 * edge]))
    return outlines


def _webs(skeleton: Skeleton, plump: float) -> list[Points]:
    """Outline the skin between the fingers' roots."""
    edge = _PALM_EDGE_MM * plump
    webs = []
    for first, second in pairwise(skeleton.chains_mm[1:]):
        ends = [chain[1] + _WEB_SHARE * (chain[2] - chain[1]) for chain in (first, second)]
        webs.append(_hull([first[1], second[1], *ends], [edge * 0.8, edge * 0.8, 0.3 * edge, 0.3 * edge]))
    return webs


def _muscles(skeleton: Skeleton, plump: float) -> tuple[Points, ...]:
    """Outline the muscles of the thumb and of the little finger."""
    thumb, index, little = (skeleton.chains_mm[finger] for finger in (0, 1, 4))
    inner = index[0] + 0.55 * (index[1] - index[0])
    of_thumb = _hull([thumb[0], 0.25 * thumb[0] + 0.75 * thumb[1], inner], [9 * plump, 7 * plump, 4 * plump])
    of_little = _hull([little[0], 0.3 * little[0] + 0.7 * little[1]], [8 * plump, 6 * plump])
    return of_thumb, of_little


def _folds(skeleton: Skeleton, plump: float, where: Points) -> tuple[Points, ...]:
    """Outline the adductor of the thumb and the fold of skin over it, which cast the arcs beside the index finger."""
    thumb, index, middle = skeleton.chains_mm[:3]
    on_thumb, on_index, on_middle = thumb[1] - thumb[0], index[1] - index[0], middle[1] - middle[0]
    head = thumb[0] + (0.75 + 0.25 * where[0]) * on_thumb
    adductor = [middle[0] + 0.1 * on_middle, middle[0] + (0.5 + 0.3 * where[1]) * on_middle, head]
    skin = [index[0] + 0.1 * on_index, index[0] + (0.3 + 0.35 * where[2]) * on_index, thumb[0] + 0.6 * on_thumb]
    radii = [4 * plump, (3 + 6 * where[3]) * plump, (3 + 6 * where[4]) * plump]
    return _hull(adductor, radii), _hull(skin, [6 * plump, (4 + 5 * where[5]) * plump, 5 * plump])


def _forearm(skeleton: Skeleton, plump: float) -> list[Points]:
    ulna, radius = skeleton.wrist_mm
    across = np.array([skeleton.scale.length, 0.0])
    wrist = [radius + 11 * across, ulna - 2 * across]
    edge = _FOREARM_EDGE_MM * plump
    elbow = [point + skeleton.forearm * 300 * skeleton.scale.length for point in wrist]
    return [_hull([*wrist, *elbow], [0.8 * edge, 0.8 * edge, 1.4 * edge, 1.4 * edge])]


def _hull(centres: list[Points], radii: list[float]) -> Points:
    circles = [centre + radius * _CIRCLE for centre, radius in zip(centres, radii, strict=True)]
    return cv2.convexHull(np.concatenate(circles).astype(np.float32))[:, 0].astype(np.float64)
