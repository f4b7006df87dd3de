"""Is it the hand that its header says: the side it appears to be, compared with the header's elements.

Before it: ``worker.look`` found as which hand it appears. After it: ``worker.record``. Pure.

References
----------
DICOM PS3.3 C.7.6.1.1.1 (Patient Orientation); PS3.17 Annex A: the labels of a hand are those of the standard anatomical
position, in which the thumb points away from the body (a left hand's to L) and the fingers to the feet (F).
"""

from dataclasses import dataclass
from typing import Final, Self

from db.tables import Radiograph
from db.vocabulary import Laterality, Note, ReviewReason, Side, ViewPosition

_SEEN_FROM_ITS_BACK: Final = {Laterality.LEFT: Side.LEFT, Laterality.RIGHT: Side.RIGHT}
_OPPOSITE: Final = dict(zip("LRHFAP", "RLFHPA", strict=True))


@dataclass(frozen=True)
class Declared:
    r"""What a header says of the side, None where it says nothing.

    Attributes
    ----------
    patient_orientation
        Where rows and columns run to, such as ``L\H``.
    """

    laterality: Laterality | None = None
    patient_orientation: str | None = None
    view_position: ViewPosition | None = None

    @classmethod
    def of(cls, row: Radiograph) -> Self:
        """Return what the listener kept of a radiograph's header."""
        return cls(
            Laterality(row.laterality) if row.laterality else None,
            row.patient_orientation,
            ViewPosition(row.view_position) if row.view_position else None,
        )


@dataclass(frozen=True)
class Verdict:
    """What follows from a side."""

    review_reasons: tuple[ReviewReason, ...] = ()
    notes: tuple[Note, ...] = ()


def expected_sides(declared: Declared) -> frozenset[Side]:
    """Return as which hand a hand may appear, by its header.

    Patient Orientation says where the thumb must be; without it a hand is taken to be seen from its back, but for View
    Position AP, with which some mean the palm and some nothing.

    Parameters
    ----------
    declared
        What the header says.

    Returns
    -------
    frozenset of Side
        Both where nothing decides.
    """
    if declared.laterality is None:
        return frozenset(Side)
    direction = _upright_row_direction(declared.patient_orientation or "")
    if direction is not None:
        return frozenset({Side.LEFT if direction == declared.laterality else Side.RIGHT})
    if declared.view_position is ViewPosition.AP:
        return frozenset(Side)
    return frozenset({_SEEN_FROM_ITS_BACK[declared.laterality]})


def taken_for(apparent: Side | None, declared: Declared) -> Side | None:
    """Return as which hand it is shown to the network: as it appears, and where that is not sure, by its header.

    Parameters
    ----------
    apparent
        As which hand it appears; None where that is not sure.
    declared
        What the header says.
    """
    expected = expected_sides(declared)
    return next(iter(expected)) if apparent is None and len(expected) == 1 else apparent


def judge(apparent: Side | None, declared: Declared) -> Verdict:
    """Return what must be reviewed and noted of a side.

    Parameters
    ----------
    apparent
        As which hand it appears; None where that is not sure, and the header is not doubted.
    declared
        What the header says.
    """
    agrees = apparent is None or apparent in expected_sides(declared)
    reasons = () if agrees else (ReviewReason.SIDE,)
    if taken_for(apparent, declared) is not Side.RIGHT:
        return Verdict(reasons)
    if declared.laterality is None or not agrees:
        return Verdict(reasons, (Note.RIGHT_OR_MIRRORED,))
    return Verdict(reasons, (Note.RIGHT if declared.laterality is Laterality.RIGHT else Note.LEFT_MIRRORED,))


def _upright_row_direction(patient_orientation: str) -> str | None:
    """Return where the rows would run to, L or R, were the hand upright; None where it does not say.

    Of an oblique direction the first letter counts, which is the principal one.
    """
    row, _, column = patient_orientation.partition("\\")
    turned = {  # by where the wrist is: below, above, on the right, on the left
        column[:1] == "H": row[:1],
        column[:1] == "F": _OPPOSITE.get(row[:1]),
        row[:1] == "H": _OPPOSITE.get(column[:1]),
        row[:1] == "F": column[:1],
    }.get(True)
    return turned if turned in set(Laterality) else None
