"""Why a person must look, on drawn hands and on what is none."""

import numpy as np
import pytest

from db.vocabulary import ReviewReason, Sex
from training.phantom import draw
from worker import review
from worker.crop import hand_mask

HANDS = [draw(months, sex, seed, rows=288).image for months, sex, seed in ((40, Sex.FEMALE, 1), (150, Sex.MALE, 2))]


def review_reasons(
    radiograph: np.ndarray, novelty: float | None, turn_degrees: int | None = None
) -> tuple[ReviewReason, ...]:
    return review.review_reasons(radiograph, hand_mask(radiograph), novelty, turn_degrees)


@pytest.mark.parametrize("hand", HANDS)
def test_a_whole_hand_needs_nobody(hand: np.ndarray) -> None:
    before = hand.copy()
    assert review_reasons(hand, 1.0) == review_reasons(hand, None) == ()
    assert np.array_equal(hand, before)


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("turn", range(4))
def test_half_a_hand_is_cut_off_however_it_is_turned(hand: np.ndarray, turn: int) -> None:
    half = np.rot90(hand[: hand.shape[0] // 2], turn)
    assert review_reasons(half, None) == (ReviewReason.CUT_OFF,)


@pytest.mark.parametrize("hand", HANDS)
def test_two_hands_are_one_too_many(hand: np.ndarray) -> None:
    gap = np.zeros((hand.shape[0], 40), np.uint16)
    assert ReviewReason.SEVERAL in review_reasons(np.hstack([hand[:, ::-1], gap, hand]), None)


def test_what_is_far_from_the_usual_is_novel() -> None:
    assert review_reasons(HANDS[0], 1.01) == (ReviewReason.NOVEL,)


@pytest.mark.parametrize("grey", [0, 30_000])
def test_an_empty_picture_has_no_contrast(grey: int) -> None:
    assert review_reasons(np.full((40, 30), grey, np.uint16), None) == (ReviewReason.NO_CONTRAST, ReviewReason.NO_HAND)


def test_a_hand_as_bright_as_can_be_is_clipped() -> None:
    burned = np.minimum(HANDS[0].astype(np.uint32) * 4, 65_535).astype(np.uint16)
    assert review_reasons(burned, None) == (ReviewReason.CLIPPED,)


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("fraction", [0.5, 0.65, 0.8])
def test_a_hand_that_reaches_all_borders_is_none(hand: np.ndarray, fraction: float) -> None:
    rows, columns = (slice(round(side * (1 - fraction) / 2), round(side * (1 + fraction) / 2)) for side in hand.shape)
    assert review_reasons(hand[rows, columns], None) == (ReviewReason.NO_HAND,)


@pytest.mark.parametrize(
    ("turn_degrees", "reasons"),
    [
        (None, ()),
        (0, ()),
        (30, ()),
        (-30, ()),
        (35, (ReviewReason.NOT_UPRIGHT,)),
        (-35, (ReviewReason.NOT_UPRIGHT,)),
        (180, (ReviewReason.NOT_UPRIGHT,)),
    ],
)
def test_a_hand_turned_by_more_than_thirty_degrees_is_not_upright(
    turn_degrees: int | None, reasons: tuple[ReviewReason, ...]
) -> None:
    assert review_reasons(HANDS[0], None, turn_degrees) == reasons
