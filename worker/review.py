"""Whether a person must look before a radiograph's estimate is used, and why.

Before it: ``worker.assess`` has the standard radiograph and its novelty. After it: ``worker.record``; the estimate is
stored whatever is found. None of the bounds was chosen by radiographs of patients. Colours cannot be burned in: reading
refuses them.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from db.vocabulary import ReviewReason
from worker.crop import Mask
from worker.percentiles import percentiles

_FULL_SCALE: Final = 65_535
_LEAST_CONTRAST: Final = 0.02  # of the full scale, between the 1st and the 99th percentile
_MOST_CLIPPED: Final = 0.25  # of the hand at the greatest grey value
# Of the hand's width, along a border. The forearm of no drawn hand is wider than 0.57, and of drawn hands cut in half
# the narrowest cut that is seen is 0.72.
_WIDEST_FOREARM: Final = 0.65
# Of 1,000 drawn hands none has a second part of more than 0.02; of 150 pairs of hands 87% one of 0.3 and more.
_LARGEST_SECOND_PART: Final = 0.25
# Of 200 drawn hands the starter is 7 months off as they are, 16 where they are turned by 30°, and 44 by 45°. Of 5,000
# as they are, none is surely turned by more than 30°.
_MOST_TURNED_DEGREES: Final = 30
_BORDER_PIXELS: Final = 3  # of the mask, whose rim is smoothed


def review_reasons(
    radiograph: npt.NDArray[np.uint16], hand: Mask | None, novelty: float | None, turn_degrees: int | None = None
) -> tuple[ReviewReason, ...]:
    """Return why a person must look at a radiograph; nothing where none need.

    Parameters
    ----------
    radiograph
        The standard one, (rows, columns) uint16, bone bright. Not changed.
    hand
        Where the hand is, from `worker.crop.hand_mask`; None where nothing looks like one. Not changed.
    novelty
        Its score over the model's threshold; None where the model has none.
    turn_degrees
        By which the hand is turned from upright; None where that is not sure.
    """
    found = {
        ReviewReason.NOVEL: novelty is not None and novelty > 1,
        ReviewReason.NO_CONTRAST: _contrast(radiograph) < _LEAST_CONTRAST,
        ReviewReason.CLIPPED: _clipped(radiograph, hand) > _MOST_CLIPPED,
        ReviewReason.NO_HAND: hand is None,
        ReviewReason.CUT_OFF: hand is not None and _widest_at_border(hand) > _WIDEST_FOREARM,
        ReviewReason.SEVERAL: hand is not None and _second_part(hand) > _LARGEST_SECOND_PART,
        ReviewReason.NOT_UPRIGHT: turn_degrees is not None and abs(turn_degrees) > _MOST_TURNED_DEGREES,
    }
    return tuple(reason for reason, is_so in found.items() if is_so)


def _second_part(mask: npt.NDArray[np.uint8]) -> float:
    """Return how large the second largest part of what is taken for the hand is, as a fraction of the largest."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    largest, second = np.sort(np.append(statistics[1:, cv2.CC_STAT_AREA], 0))[[-1, -2]]
    return float(second / largest)


def _contrast(radiograph: npt.NDArray[np.uint16]) -> float:
    dark, bright = percentiles(radiograph, (1, 99))
    return (bright - dark) / _FULL_SCALE


def _clipped(radiograph: npt.NDArray[np.uint16], mask: npt.NDArray[np.uint8] | None) -> float:
    """Return the fraction of the hand, or of all where none is found, that is as bright as can be."""
    if mask is None:
        return float((radiograph == _FULL_SCALE).mean())
    rows = np.arange(mask.shape[0]) * radiograph.shape[0] // mask.shape[0]
    columns = np.arange(mask.shape[1]) * radiograph.shape[1] // mask.shape[1]
    return float((radiograph[np.ix_(rows, columns)][mask == 1] == _FULL_SCALE).mean())


def _widest_at_border(mask: npt.NDArray[np.uint8]) -> float:
    """Return how much of the hand's width lies along a border: of the border with most of it."""
    fractions = []
    for turn in range(4):
        seen = np.rot90(mask, turn)
        fractions.append(float(seen[:_BORDER_PIXELS].any(axis=0).sum() / seen.sum(axis=1).max()))
    return max(fractions)
