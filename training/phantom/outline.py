"""Closed outlines of bones in millimetres: tubes, discs and rounded polygons.

Before it come sizes from `proportions` and progress from `timing`; after it `anatomy` places the outlines in the hand.
In a bone's own frame u runs across (positive to the thumb's side) and v along, from its proximal to its distal end.
"""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Corner points, (n, 2) float64, in millimetres."""


def tube(
    start_mm: float, end_mm: float, widths_mm: tuple[float, float, float], round_mm: tuple[float, float], flare: float
) -> Points:
    """Outline the shaft of a long bone: flared ends, a waist between, rounded corners.

    Parameters
    ----------
    start_mm, end_mm : float
        v of its two ends.
    widths_mm : tuple of float
        Width at the start, at the waist and at the end.
    round_mm : tuple of float
        Length over which either end is rounded.
    flare : float
        Share of the length over which the start narrows to the waist.

    Returns
    -------
    Points
        (n, 2), closed, in the bone's own frame.
    """
    length = end_mm - start_mm
    edge = 1 - np.cos(np.linspace(0, np.pi / 2, 10))
    along = np.concatenate([edge * round_mm[0], np.linspace(round_mm[0], length - round_mm[1], 24)[1:-1]])
    along = np.concatenate([along, length - edge[::-1] * round_mm[1]])
    share = along / length
    first, waist, last = widths_mm
    width = waist + (first - waist) * (1 - _ease(share / flare)) + (last - waist) * _ease((share - 0.6) / 0.4)
    half = width / 2
    for distance, radius in ((along, round_mm[0]), (length - along, round_mm[1])):
        half = half * (1 - np.clip(1 - distance / radius, 0, 1) ** 3) ** (1 / 2.5)
    right = np.stack([half, start_mm + along], axis=1)
    return np.concatenate([right, right[::-1] * (-1, 1)])


def disc(
    centre_mm: float, width_mm: float, height_mm: float, *, squareness: float, wedge: float, dome: float
) -> Points:
    """Outline an epiphysis: from a round nucleus to a disc, a wedge or a dome.

    Parameters
    ----------
    centre_mm : float
        v of its middle.
    width_mm, height_mm : float
        Size across and along the bone.
    squareness : float
        Exponent of the superellipse: 2 is an ellipse, 4 nearly a rectangle.
    wedge : float
        How much taller than the middle the joint's side is towards the thumb, and lower away from it, as a share.
    dome : float
        0 to 1: how far the corners on the joint's side, which is the proximal one, are drawn in.

    Returns
    -------
    Points
        (n, 2), closed, in the bone's own frame.
    """
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    across = np.sign(cosine) * np.abs(cosine) ** (2 / squareness)
    along = np.sign(sine) * np.abs(sine) ** (2 / squareness)
    across = across * (1 - 0.35 * dome * np.clip(-along, 0, 1))
    along = np.where(along < 0, along * (1 + wedge * across), along)
    return np.stack([across * width_mm / 2, centre_mm + along * height_mm / 2], axis=1)


def rounded(corners: Points, roundness: float, steps: int = 3) -> Points:
    """Round a polygon, and draw it towards an ellipse as a young carpal bone is.

    Parameters
    ----------
    corners : Points
        (n, 2) corners around the origin.
    roundness : float
        0 keeps the outline, 1 makes it the ellipse of the same spread.
    steps : int
        Rounds of corner cutting.

    Returns
    -------
    Points
        (n · 2**steps, 2), closed.

    References
    ----------
    Chaikin, An algorithm for high-speed curve generation, Comput Graph Image Process 1974;3:346-349.
    """
    for _ in range(steps):
        following = np.concatenate([corners[1:], corners[:1]])
        cut = [0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following]
        corners = np.stack(cut, axis=1).reshape(-1, 2)
    spread = corners.std(axis=0) * np.sqrt(2)
    angle = np.arctan2(corners[:, 1] / spread[1], corners[:, 0] / spread[0])
    ellipse = np.stack([np.cos(angle), np.sin(angle)], axis=1) * spread
    return np.asarray((1 - roundness) * corners + roundness * ellipse, np.float64)


def place(outline: Points, origin_mm: Points, angle: float) -> Points:
    """Move an outline from a bone's own frame into the hand's.

    Parameters
    ----------
    outline : Points
        (n, 2) in the bone's own frame.
    origin_mm : Points
        (2,) where the bone's proximal end lies in the hand.
    angle : float
        Radians the bone leans to the thumb's side.

    Returns
    -------
    Points
        (n, 2) in the hand's frame.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(outline @ np.array([[cosine, -sine], [sine, cosine]]) + origin_mm, np.float64)


def _ease(share: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(share, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), np.float64)
