"""What a header lets expect of the side, by hand: in the anatomical position thumbs point away from the body."""

import pytest

from db.vocabulary import Laterality, Note, ReviewReason, Side, ViewPosition
from worker.pose import Pose
from worker.side import Declared, Verdict, expected_sides, judge

BOTH = frozenset(Side)
L, R = Laterality.LEFT, Laterality.RIGHT
PA, AP = ViewPosition.PA, ViewPosition.AP


@pytest.mark.parametrize(
    ("laterality", "patient_orientation", "view_position", "expected"),
    [
        # Nothing says which hand it is.
        (None, None, None, BOTH),
        (None, "L\\H", PA, BOTH),
        # Without Patient Orientation, seen from its back, unless it was seen from the palm.
        (L, None, None, {Side.LEFT}),
        (R, None, PA, {Side.RIGHT}),
        (L, None, AP, BOTH),
        (R, None, AP, BOTH),
        # Fingers upwards: a left hand's thumb points to L, a right hand's to R.
        (L, "L\\H", None, {Side.LEFT}),
        (L, "R\\H", PA, {Side.RIGHT}),
        (R, "L\\H", None, {Side.RIGHT}),
        (R, "R\\H", None, {Side.LEFT}),
        (L, "L\\H", AP, {Side.LEFT}),
        # Fingers downwards: turned by 180°, the row runs to the other side.
        (L, "L\\F", None, {Side.RIGHT}),
        (L, "R\\F", None, {Side.LEFT}),
        (R, "R\\F", PA, {Side.RIGHT}),
        # Fingers to the right of the picture, turned back anticlockwise: what was below comes to the right.
        (L, "F\\L", None, {Side.LEFT}),
        (L, "F\\R", None, {Side.RIGHT}),
        # Fingers to the left, turned back clockwise: what was above comes to the right.
        (L, "H\\R", None, {Side.LEFT}),
        (R, "H\\R", None, {Side.RIGHT}),
        # The principal direction counts; others say nothing of the side.
        (L, "LA\\HP", None, {Side.LEFT}),
        (L, "A\\F", None, {Side.LEFT}),
        (L, "L\\P", None, {Side.LEFT}),
        (L, "L\\R", AP, BOTH),
    ],
)
def test_a_header_says_as_which_hand_it_may_appear(
    laterality: Laterality | None,
    patient_orientation: str | None,
    view_position: ViewPosition | None,
    expected: set[Side],
) -> None:
    assert expected_sides(Declared(laterality, patient_orientation, view_position)) == expected


@pytest.mark.parametrize(
    ("apparent", "declared", "verdict"),
    [
        (None, Declared(L), Verdict()),
        (None, Declared(R), Verdict((), (Note.RIGHT,))),  # the header is not doubted
        (None, Declared(L, "R\\H"), Verdict((), (Note.LEFT_MIRRORED,))),
        (None, Declared(R, None, AP), Verdict()),
        (None, Declared(), Verdict()),
        (Side.LEFT, Declared(), Verdict()),
        (Side.LEFT, Declared(L), Verdict()),
        (Side.LEFT, Declared(R), Verdict((ReviewReason.SIDE,))),
        (Side.LEFT, Declared(R, "R\\H"), Verdict()),
        (Side.LEFT, Declared(L, "R\\H"), Verdict((ReviewReason.SIDE,))),
        (Side.RIGHT, Declared(R), Verdict((), (Note.RIGHT,))),
        (Side.RIGHT, Declared(R, None, AP), Verdict((), (Note.RIGHT,))),
        (Side.RIGHT, Declared(L, "R\\H"), Verdict((), (Note.LEFT_MIRRORED,))),
        (Side.RIGHT, Declared(L, None, AP), Verdict((), (Note.LEFT_MIRRORED,))),
        (Side.RIGHT, Declared(), Verdict((), (Note.RIGHT_OR_MIRRORED,))),
        (Side.RIGHT, Declared(None, "L\\H"), Verdict((), (Note.RIGHT_OR_MIRRORED,))),
        (Side.RIGHT, Declared(L), Verdict((ReviewReason.SIDE,), (Note.RIGHT_OR_MIRRORED,))),
    ],
)
def test_an_agreeing_side_is_noted_and_a_conflict_is_for_a_person(
    apparent: Side | None, declared: Declared, verdict: Verdict
) -> None:
    assert judge(Pose(None if apparent is None else 0, apparent), declared) == verdict


@pytest.mark.parametrize(
    ("turn_degrees", "is_believed"), [(180, True), (-140, True), (0, False), (90, False), (None, True)]
)
def test_an_orientation_that_the_picture_refutes_is_not_believed(turn_degrees: int | None, is_believed: bool) -> None:
    of_a_chest = Declared(L, "L\\F")  # a hand with its fingers downwards, and its thumb on the left were it upright
    assert expected_sides(of_a_chest, turn_degrees) == {Side.RIGHT if is_believed else Side.LEFT}


def test_a_right_hand_marked_as_left_under_a_chest_s_orientation_is_for_a_person() -> None:
    assert judge(Pose(0, Side.RIGHT), Declared(L, "L\\F", PA)).review_reasons == (ReviewReason.SIDE,)
    assert judge(Pose(0, Side.LEFT), Declared(L, "L\\F", PA)) == Verdict()


def test_whatever_appears_right_has_a_note_that_says_it_was_mirrored() -> None:
    for laterality in (None, L, R):
        for orientation in (None, "L\\H", "R\\H", "L\\F"):
            for view in (None, PA, AP):
                notes = judge(Pose(0, Side.RIGHT), Declared(laterality, orientation, view)).notes
                assert [note.is_mirrored for note in notes] == [True]
                assert judge(Pose(0, Side.LEFT), Declared(laterality, orientation, view)).notes == ()
