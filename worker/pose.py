"""How the hand lies in a radiograph: how far it is turned from upright, and as which hand it appears.

Before it: ``worker.look`` has a radiograph, or its negative. After it: ``worker.look`` shows the network the mirrored
one where the thumb is on the left, ``worker.side`` compares with the header, and ``worker.review`` asks for a person
where the hand is not upright. By the silhouette alone, and by bounds from drawn hands; what is not sure is not said.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from db.vocabulary import Side
from worker.crop import Mask, hand_mask
from worker.silhouette import ANGLES, log_likelihoods, shipped, silhouette

_DEGREES: Final = 360 // ANGLES
# All three in mean log-likelihoods of a place in the window, by drawn hands that no mean silhouette was made from:
# fewer than one in 1,000 shall be told wrongly, also of those that lie turned in a black frame, whose corners may be
# taken for the hand. Of upright ones 99.9% fit better than -0.31.
_WORST_FIT: Final = -0.4
_SURE_OF_SIDE: Final = 0.03  # before the other side; the median is 0.15
_SURE_OF_TURN: Final = 0.08  # before all turns that are further off than 45°; the median is 0.25
_ANOTHER_TURN_DEGREES: Final = 45


@dataclass(frozen=True)
class Pose:
    """How a hand lies.

    Attributes
    ----------
    turn_degrees
        Clockwise from upright, fingers upwards, -175 to 180 in steps of 5; None where not sure.
    side
        As which hand it appears if it is seen from its back (PA), whatever its turn: the thumb of an upright left hand
        is on the right of the picture. None where not sure, and where the turn is not.
    """

    turn_degrees: int | None = None
    side: Side | None = None


def find_pose(radiograph: npt.NDArray[np.uint16]) -> Pose:
    """Find how the hand lies.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright. Not changed.
    """
    return pose_of(hand_mask(radiograph))


def pose_of(hand: Mask | None) -> Pose:
    """Say how a hand lies.

    Parameters
    ----------
    hand
        Where it is, from `worker.crop.hand_mask`. Not changed.
    """
    if hand is None:
        return Pose()
    likely = log_likelihoods(silhouette(hand), shipped()).max(axis=2)
    if likely.max() < _WORST_FIT:
        return Pose()
    turn_degrees = _turn_degrees(likely.max(axis=0))
    return Pose() if turn_degrees is None else Pose(turn_degrees, _side(*likely.max(axis=1)))


def _turn_degrees(likely: npt.NDArray[np.float64]) -> int | None:
    turn = int(likely.argmax())
    off = _signed_degrees(np.arange(ANGLES) - turn)
    if likely[turn] - likely[np.abs(off) > _ANOTHER_TURN_DEGREES].max() < _SURE_OF_TURN:
        return None
    return int(_signed_degrees(np.array(turn)))


def _side(as_left: float, as_right: float) -> Side | None:
    if abs(as_left - as_right) < _SURE_OF_SIDE:
        return None
    return Side.LEFT if as_left > as_right else Side.RIGHT


def _signed_degrees(turns: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    """Return turns, in steps clockwise, as degrees from -175 to 180."""
    return 180 - (180 - turns * _DEGREES) % 360
