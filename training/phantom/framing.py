"""Where millimetres of the hand fall on pixels of the picture.

Before it come `pose` and the hand it posed; after it `raster` fills outlines on its pixels.
"""

from dataclasses import dataclass

import numpy as np

from training.phantom.outline import Points
from training.phantom.pose import Pose
from training.phantom.soft_tissue import SoftTissue

_WIDEST = 1.08  # a spread hand may lose the tips of thumb or little finger, as in the RSNA set


@dataclass(frozen=True)
class Frame:
    """A picture's size, and the turn, scale and shift from the hand's millimetres to it.

    Attributes
    ----------
    rows, columns : int
        Of the picture.
    turn : Points
        (2, 2): points in mm @ turn are pixels.
    shift : Points
        (2,) pixels (x, y).
    pixels_per_mm : float
        Scale of `turn`.
    """

    rows: int
    columns: int
    turn: Points
    shift: Points
    pixels_per_mm: float

    def to_pixels(self, points_mm: Points) -> Points:
        """Turn points of the hand into pixel coordinates.

        Parameters
        ----------
        points_mm : Points
            (n, 2) x to the thumb, y to the fingertips.

        Returns
        -------
        Points
            (n, 2) column and row; the middle of the first pixel is (0, 0).
        """
        return points_mm @ self.turn + self.shift

    def enlarged(self, factor: int) -> "Frame":
        """Frame the same scene on a picture with `factor` times as many rows and columns.

        Parameters
        ----------
        factor : int
            At least 1.

        Returns
        -------
        Frame
            Whose pixels, averaged in blocks of `factor`, are this frame's pixels.
        """
        return Frame(
            self.rows * factor,
            self.columns * factor,
            self.turn * factor,
            (self.shift + 0.5) * factor - 0.5,
            self.pixels_per_mm * factor,
        )


def frame_hand(pose: Pose, soft_tissue: SoftTissue, rows: int) -> Frame:
    """Frame a hand as its pose says.

    Parameters
    ----------
    pose : Pose
        How large, where, and how turned the hand is in the picture.
    soft_tissue : SoftTissue
        What has to fit in.
    rows : int
        Of the picture.

    Returns
    -------
    Frame
        For a picture of that many rows; the same scene whatever their number.
    """
    columns = round(rows * pose.aspect)
    cosine, sine = np.cos(pose.rotation), np.sin(pose.rotation)
    turn = np.array([[cosine, sine], [sine, -cosine]])  # turned to the thumb's side; rows count downwards
    outlines = np.concatenate(soft_tissue.outlines_mm)
    wrist = (soft_tissue.wrist_mm @ turn)[1]
    turned = outlines @ turn
    hand = turned[turned[:, 1] <= wrist]
    top, left, right = hand[:, 1].min(), hand[:, 0].min(), hand[:, 0].max()
    scale = min(pose.fill * rows / (wrist - top), _WIDEST * pose.aspect * rows / (right - left))
    shift = np.array(
        [
            0.5 * pose.aspect * rows + pose.shift[0] * rows - 0.5 * scale * (left + right),
            pose.shift[1] * rows - scale * top,
        ]
    )
    return Frame(rows, columns, turn * scale, shift - 0.5, scale)
