"""One piece of a long bone as tables: a tube between two curved ends, with cortex and spongy bone.

Before it comes `long_bone`, which fills the tables; after it `mineral` looks up each pixel in them. In a bone's own
frame u runs across (positive to the thumb's side) and v along, from its proximal to its distal end; s is u in half
widths, from -1 to 1.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.phantom.outline import Points

Floats = NDArray[np.float64]

ALONG: Final = 320
"""Places along a piece at which its tables stand."""
ACROSS: Final = 65
"""Places across a piece at which its ends' tables stand."""
S: Final = np.linspace(-1, 1, ACROSS)
"""Those places."""

_PLACES = np.linspace(-1, 1, 9)


@dataclass(frozen=True)
class Piece:
    """A tube of bone between two curved ends.

    Attributes
    ----------
    start_mm, end_mm : float
        v of the first and last row of the tables along the piece.
    bend_mm : Floats
        (ALONG,) u of the middle.
    left_mm, right_mm : Floats
        (ALONG,) half widths to the little finger's and the thumb's side.
    depth_mm : Floats
        (ALONG,) half thickness along the beam.
    cortex_mm : Floats
        (ALONG,) thickness of the cortex.
    density : Floats
        (ALONG,) share of the volume inside the cortex that is mineral.
    near_mm, far_mm : Floats
        (ACROSS,) v of the proximal and the distal end.
    round_mm : tuple of float
        Length over which the proximal and the distal end are rounded along the beam.
    shell_mm : tuple of float
        Thickness of the cortex at the two ends.
    line_mm : tuple of float
        Mineral in the dense line along the two ends.
    fill : Floats
        (ACROSS,) share of the piece that has turned to bone: below one half it is growth plate.
    origin_mm : Points
        (2,) where u and v are 0, in the hand's frame.
    angle : float
        Radians that v leans to the thumb's side.
    """

    start_mm: float
    end_mm: float
    bend_mm: Floats
    left_mm: Floats
    right_mm: Floats
    depth_mm: Floats
    cortex_mm: Floats
    density: Floats
    near_mm: Floats
    far_mm: Floats
    round_mm: tuple[float, float]
    shell_mm: tuple[float, float]
    line_mm: tuple[float, float]
    fill: Floats
    origin_mm: Points
    angle: float

    def turned_over(self, length_mm: float) -> "Piece":
        """Exchange the ends of the bone that the piece is of.

        Parameters
        ----------
        length_mm : float
            Of that bone: v becomes length_mm - v.

        Returns
        -------
        Piece
            A changed copy.
        """
        return replace(
            self,
            start_mm=length_mm - self.end_mm,
            end_mm=length_mm - self.start_mm,
            bend_mm=self.bend_mm[::-1],
            left_mm=self.left_mm[::-1],
            right_mm=self.right_mm[::-1],
            depth_mm=self.depth_mm[::-1],
            cortex_mm=self.cortex_mm[::-1],
            density=self.density[::-1],
            near_mm=length_mm - self.far_mm,
            far_mm=length_mm - self.near_mm,
            round_mm=self.round_mm[::-1],
            shell_mm=self.shell_mm[::-1],
            line_mm=self.line_mm[::-1],
        )

    def placed(self, origin_mm: Points, angle: float) -> "Piece":
        """Return a copy that lies at another place of the hand, turned."""
        return replace(self, origin_mm=origin_mm, angle=angle)


def across(places: Floats) -> Floats:
    """Draw a smooth curve through values at 9 places across a bone.

    Parameters
    ----------
    places : Floats
        (9,) from the little finger's side to the thumb's.

    Returns
    -------
    Floats
        (ACROSS,).
    """
    return smooth(np.interp(S, _PLACES, places), 4)


def smooth(values: Floats, reach: int) -> Floats:
    """Average a table over neighbours, its ends repeated.

    Parameters
    ----------
    values : Floats
        (n,).
    reach : int
        Neighbours on either side.

    Returns
    -------
    Floats
        (n,).
    """
    width = 2 * reach + 1
    padded = np.concatenate([np.full(reach, values[0]), values, np.full(reach, values[-1])])
    return np.convolve(padded, np.full(width, 1 / width), "valid")
