"""The flesh around the bones: outlines of fingers, palm and forearm in millimetres, and how thick each is.

Before it comes `anatomy`; after it `thickness` draws the outlines.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from training.phantom.anatomy import Hand
from training.phantom.outline import Points

# Half widths in mm of a grown man's fingers at knuckle, two joints and tip, of the palm's edge and the forearm beyond
# its bones: by eye on radiographs of the RSNA set, scaled to a third metacarpal of 65 mm.
_FINGER_MM = (10.5, 9.8, 8.6, 7.2)
_THUMB_MM = (12.5, 11.0, 8.5)
_PALM_EDGE_MM = 9.5
_FOREARM_EDGE_MM = 13.0
_TIP_MM = 2.0
_THICKNESS_MM = 11.0
_WEB_SHARE = 0.38
_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


@dataclass(frozen=True)
class SoftTissue:
    """The flesh of one hand.

    Attributes
    ----------
    outlines_mm : tuple of Points
        Convex outlines whose union is the hand.
    half_thickness_mm : float
        Half of how thick the palm is along the beam.
    thenar_mm : Points
        (2,) middle of the muscles at the base of the thumb.
    thenar_radius_mm : float
        How far they reach.
    wrist_mm : Points
        (2,) middle of the wrist, from which the forearm grows thicker.
    forearm : Points
        (2,) unit vector from the wrist to the elbow.
    """

    outlines_mm: tuple[Points, ...]
    half_thickness_mm: float
    thenar_mm: Points
    thenar_radius_mm: float
    wrist_mm: Points
    forearm: Points


def clothe(hand: Hand, rng: np.random.Generator) -> SoftTissue:
    """Put flesh around a hand's bones.

    Parameters
    ----------
    hand : Hand
        Its bones and joints.
    rng : numpy.random.Generator
        Draws how plump the hand is; advanced by the same amount each time.

    Returns
    -------
    SoftTissue
        In mm, in the hand's frame.
    """
    plump = hand.scale.flesh * float(np.exp(rng.normal(0, 0.08)))
    outlines = [*_palm(hand, plump), *_forearm(hand, plump)]
    for finger, chain in enumerate(hand.chains_mm):
        outlines += _finger(chain, np.array(_FINGER_MM if finger else _THUMB_MM) * plump, _TIP_MM * plump)
    thumb, index = hand.chains_mm[:2]
    return SoftTissue(
        tuple(outlines),
        _THICKNESS_MM * plump * float(np.exp(rng.normal(0, 0.1))),
        thumb[:2].mean(axis=0) * 0.6 + index[:2].mean(axis=0) * 0.4,
        20.0 * plump,
        hand.wrist_mm.mean(axis=0),
        hand.forearm,
    )


def _finger(chain: Points, half_widths_mm: Points, tip_mm: float) -> list[Points]:
    joints = chain[1:].copy()
    along = joints[-1] - joints[-2]
    joints[-1] += along / np.linalg.norm(along) * (tip_mm - half_widths_mm[-1] * 0.75)
    return [
        _hull([start, end], [wide, narrow])
        for (start, end), (wide, narrow) in zip(pairwise(joints), pairwise(half_widths_mm), strict=True)
    ]


def _palm(hand: Hand, plump: float) -> list[Points]:
    edge = _PALM_EDGE_MM * plump
    outlines = []
    for first, second in pairwise(hand.chains_mm[1:]):
        webs = [chain[1] + _WEB_SHARE * (chain[2] - chain[1]) for chain in (first, second)]
        outlines.append(_hull([first[0], first[1], second[0], second[1]], [edge] * 4))
        outlines.append(_hull([first[1], second[1], *webs], [edge * 0.8, edge * 0.8, 0.3 * edge, 0.3 * edge]))
    thumb, index, little = hand.chains_mm[0], hand.chains_mm[1], hand.chains_mm[4]
    web = index[0] + 0.62 * (index[1] - index[0])
    thumb_web = thumb[0] + 0.85 * (thumb[1] - thumb[0])
    outlines.append(_hull([thumb[0], index[0], thumb_web, web], [1.15 * edge, edge, edge, 0.5 * edge]))
    ulna, radius = hand.wrist_mm
    across = np.array([hand.scale.length, 0.0])
    wrist = [thumb[0], little[0], radius + 12 * across, ulna - 2 * across]
    outlines.append(_hull(wrist, [1.15 * edge, edge, 0.8 * edge, edge]))
    return outlines


def _forearm(hand: Hand, plump: float) -> list[Points]:
    ulna, radius = hand.wrist_mm
    across = np.array([hand.scale.length, 0.0])
    wrist = [radius + 9 * across, ulna]
    edge = _FOREARM_EDGE_MM * plump
    elbow = [point + hand.forearm * 300 * hand.scale.length for point in wrist]
    return [_hull([*wrist, *elbow], [0.9 * edge, 0.9 * edge, 1.3 * edge, 1.3 * edge])]


def _hull(centres: list[Points], radii: list[float]) -> Points:
    circles = [centre + radius * _CIRCLE for centre, radius in zip(centres, radii, strict=True)]
    return cv2.convexHull(np.concatenate(circles).astype(np.float32))[:, 0].astype(np.float64)
