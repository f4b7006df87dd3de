"""Negatives: what may be one, and which of the two looks counts."""

from pathlib import Path

import numpy as np
import pytest

from db.vocabulary import Laterality, Note, Sex, Side
from tests.narrow_bundle import card
from training.phantom import draw
from worker.active import Active
from worker.bundle import Bundle
from worker.engines import Float32, Predictions
from worker.look import look, may_be_negative
from worker.novelty import NoveltyCheck, UsualEmbeddings
from worker.side import Declared

HANDS = [draw(months, sex, seed, rows=288).image for months, sex, seed in ((40, Sex.FEMALE, 1), (190, Sex.MALE, 2))]


def check(usual: float, threshold: float = 0.2) -> NoveltyCheck:
    """Return the check of a model whose only feature is usually so much."""
    one = np.ones(1)
    return NoveltyCheck(UsualEmbeddings(np.array([usual]), one, np.ones((1, 1)), one, one), threshold)


CHECK = check(0.25)


class Grey:
    """Gives the mean grey value as months and as the only feature."""

    def warm_up(self) -> None:
        """Nothing to warm."""

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        grey = image.mean(axis=(1, 2, 3)).astype(np.float32)
        return Predictions(grey, grey, grey, image[..., 0], grey[:, np.newaxis])


def active(novelty: NoveltyCheck | None) -> Active:
    return Active(Bundle(Path(), card(), "a" * 64), Grey(), "test", 1, novelty)


@pytest.mark.parametrize("hand", HANDS)
def test_a_negative_may_be_one_and_a_hand_is_none(hand: np.ndarray) -> None:
    assert may_be_negative(65_535 - hand)
    assert not may_be_negative(hand)


def test_a_negative_is_seen_inverted_and_that_is_noted() -> None:
    seen = look(65_535 - HANDS[0], active(CHECK), Sex.FEMALE)
    assert np.array_equal(seen.radiograph, HANDS[0])
    assert seen.notes == (Note.INVERTED,)
    assert seen.novelty == pytest.approx(look(HANDS[0], active(CHECK), Sex.FEMALE).novelty)


def test_what_the_network_knows_better_as_it_is_stays_so() -> None:
    bright = np.full((40, 40), 20_000, np.uint16)
    bright[:12] = 0
    assert may_be_negative(bright)
    as_it_is = look(bright, active(None), Sex.FEMALE).predictions.embedding[0, 0]
    seen = look(bright, active(check(as_it_is)), Sex.FEMALE)
    assert (seen.notes, seen.novelty) == ((), 0)
    assert np.array_equal(seen.radiograph, bright)


def test_what_it_knows_well_enough_is_asked_about_once() -> None:
    seen = look(65_535 - HANDS[0], active(check(0.25, threshold=1.0)), Sex.FEMALE)  # though its inverse is nearer
    assert (seen.notes, np.array_equal(seen.radiograph, HANDS[0])) == ((), False)


@pytest.mark.parametrize("shape", [(1024, 1), (1, 1024), (600, 2), (1, 1)])
def test_no_shape_is_too_narrow(shape: tuple[int, int]) -> None:
    assert not may_be_negative(np.zeros(shape, np.uint16))


def test_without_a_check_nothing_is_inverted() -> None:
    seen = look(65_535 - HANDS[0], active(None), Sex.FEMALE)
    assert (seen.notes, seen.novelty) == ((), None)
    assert np.array_equal(seen.radiograph, 65_535 - HANDS[0])


@pytest.mark.parametrize("hand", HANDS)
def test_a_right_hand_is_seen_as_a_left_one(hand: np.ndarray) -> None:
    left, right = (look(one, active(None), Sex.FEMALE) for one in (hand, hand[:, ::-1]))
    assert (left.pose.side, right.pose.side) == (Side.LEFT, Side.RIGHT)
    assert np.array_equal(left.radiograph, hand)
    assert np.array_equal(right.radiograph, hand)
    assert np.array_equal(left.predictions.heat_map, right.predictions.heat_map)  # which is what the network saw


def test_the_negative_of_a_right_hand_is_seen_inverted_and_as_a_left_one() -> None:
    seen = look(65_535 - HANDS[0][:, ::-1], active(CHECK), Sex.FEMALE)
    assert (seen.notes, seen.pose.side) == ((Note.INVERTED,), Side.RIGHT)
    assert np.array_equal(seen.radiograph, HANDS[0])


def test_a_hand_of_which_nothing_is_sure_is_seen_as_its_header_says_and_else_as_it_is() -> None:
    picture = np.full((40, 30), 20_000, np.uint16)
    picture[:, :5] = 0
    seen = look(picture, active(None), Sex.FEMALE)
    assert seen.pose.side is None
    assert np.array_equal(seen.radiograph, picture)
    declared = look(picture, active(None), Sex.FEMALE, Declared(Laterality.RIGHT))
    assert declared.pose.side is None
    assert np.array_equal(declared.radiograph, picture[:, ::-1])
