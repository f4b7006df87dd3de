"""Where millimetres of the hand fall on pixels of the picture.

Before it come `pose` and the flesh that has to fit in; after it everything is drawn on the frame's pixels.
"""

import numpy as np

from training.hand.flesh import Flesh
from training.phantom.framing import Frame
from training.phantom.pose import Pose

_WIDEST = 1.06  # a spread hand may lose the tips of thumb or little finger, as in the RSNA set


def frame_hand(pose: Pose, flesh: Flesh, rows: int) -> Frame:
    """Frame a hand as its pose says.

    Parameters
    ----------
    pose : Pose
        How large, where, and how turned the hand is in the picture.
    flesh : Flesh
        What has to fit in.
    rows : int
        Of the picture.

    Returns
    -------
    Frame
        For a picture of that many rows; the same scene whatever their number.
    """
    cosine, sine = np.cos(pose.rotation), np.sin(pose.rotation)
    turn = np.array([[cosine, sine], [sine, -cosine]])  # turned to the thumb's side; rows count downwards
    wrist = (flesh.wrist_mm @ turn)[1]
    turned = np.concatenate((*flesh.fingers_mm, *flesh.webs_mm, *flesh.palm_mm)) @ turn
    hand = turned[turned[:, 1] <= wrist]
    top, left, right = hand[:, 1].min(), hand[:, 0].min(), hand[:, 0].max()
    scale = min(pose.fill * rows / (wrist - top), _WIDEST * pose.aspect * rows / (right - left))
    shift = np.array(
        [
            0.5 * pose.aspect * rows + pose.shift[0] * rows - 0.5 * scale * (left + right),
            pose.shift[1] * rows - scale * top,
        ]
    )
    return Frame(rows, round(rows * pose.aspect), turn * scale, shift - 0.5, scale)
