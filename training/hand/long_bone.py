"""One long bone in its own frame: shaft, epiphysis, and the growth plate that narrows, bridges and leaves a line.

Before it come `timing` (how far the plate has come) and `sizes` (how large the bone becomes); after it `skeleton`
places the pieces. While it is shaped, v is 0 at the joint that the epiphysis makes; a bone whose plate is distal is
turned over at the end.
"""

from training.hand.epiphysis import epiphysis_of, plate_of
from training.hand.piece import Piece
from training.hand.shaft import shaft_of
from training.hand.sizes import LongBone
from training.hand.variation import Variation
from training.phantom.proportions import Scale
from training.phantom.timing import Progress


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
    shaft = shaft_of(adult, progress, scale, variation, length_mm)
    pieces: tuple[Piece, ...] = (shaft,)
    if progress.has_appeared:
        epiphysis = epiphysis_of(adult, progress, scale, variation, shaft)
        pieces += (epiphysis, plate_of(progress, shaft, epiphysis, variation))
    return tuple(piece.turned_over(length_mm) for piece in pieces) if adult.kind.is_plate_distal else pieces
