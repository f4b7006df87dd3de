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
from worker.pose import Pose

_SEEN_FROM_ITS_BACK: Final = {Laterality.LEFT: Side.LEFT, Laterality.RIGHT: Side.RIGHT}
_REFUTED_DEGREES: Final = 45
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


def expected_sides(declared: Declared, turn_degrees: int | None = None) -> frozenset[Side]:
    """Return as which hand a hand may appear, by its header.

    Patient Orientation says where the thumb must be; without it a hand is taken to be seen from its back, but for View
    Position AP, with which some mean the palm and some nothing. One that says that the fingers point elsewhere than
    they surely do, such as a chest's sent with every radiograph, is not believed.

    Parameters
    ----------
    declared
        What the header says.
    turn_degrees
        How the hand lies, as in `worker.pose.Pose`; None where that is not sure.

    Returns
    -------
    frozenset of Side
        Both where nothing decides.
    """
    if declared.laterality is None:
        return frozenset(Side)
    direction = _upright_row_direction(declared.patient_orientation or "", turn_degrees)
    if direction is not None:
        return frozenset({Side.LEFT if direction == declared.laterality else Side.RIGHT})
    if declared.view_position is ViewPosition.AP:
        return frozenset(Side)
    return frozenset({_SEEN_FROM_ITS_BACK[declared.laterality]})


def taken_for(pose: Pose, declared: Declared) -> Side | None:
    """Return as which hand it is shown to the network: as it appears, and where that is not sure, by its header.

    Parameters
    ----------
    pose
        How it lies.
    declared
        What the header says.
    """
    expected = expected_sides(declared, pose.turn_degrees)
    return next(iter(expected)) if pose.side is None and len(expected) == 1 else pose.side


def judge(pose: Pose, declared: Declared) -> Verdict:
    """Return what must be reviewed and noted of a side.

    Parameters
    ----------
    pose
        How the hand lies; where the side is not sure the header is not doubted.
    declared
        What the header says.
    """
    agrees = pose.side is None or pose.side in expected_sides(declared, pose.turn_degrees)
    reasons = () if agrees else (ReviewReason.SIDE,)
    if taken_for(pose, declared) is not Side.RIGHT:
        return Verdict(reasons)
    if declared.laterality is None or not agrees:
        return Verdict(reasons, (Note.RIGHT_OR_MIRRORED,))
    return Verdict(reasons, (Note.RIGHT if declared.laterality is Laterality.RIGHT else Note.LEFT_MIRRORED,))


def _upright_row_direction(patient_orientation: str, turn_degrees: int | None) -> str | None:
    """Return where the rows would run to, L or R, were the hand upright; None where it does not say, or is refuted.

    Of an oblique direction the first letter counts, which is the principal one.
    """
    row, _, column = (part[:1] for part in patient_orientation.partition("\\"))
    # By where the wrist is (below, above, on the right, on the left): how the hand then lies, and the direction.
    ways = {
        column == "H": (0, row),
        column == "F": (180, _OPPOSITE.get(row)),
        row == "H": (-90, _OPPOSITE.get(column)),
        row == "F": (90, column),
    }
    if True not in ways:
        return None
    declared_degrees, direction = ways[True]
    if turn_degrees is not None and _apart_degrees(turn_degrees, declared_degrees) > _REFUTED_DEGREES:
        return None
    return direction if direction in set(Laterality) else None


def _apart_degrees(one: int, other: int) -> int:
    return abs((one - other + 180) % 360 - 180)
