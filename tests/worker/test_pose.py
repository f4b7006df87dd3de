"""How hands lie, drawn and real ones, turned and mirrored: what is said is right, what is not sure is not said."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from db.vocabulary import Side
from training.cases import Part
from training.sources.phantoms import phantoms
from training.sources.png import PngFile
from worker.pose import Pose, find_pose
from worker.silhouette import silhouette

HANDS = [case.picture.standard_radiograph(288) for case in phantoms(Part.TEST, 60)]


def turned(picture: np.ndarray, degrees: int) -> np.ndarray:
    """Turn a picture clockwise, and the frame with it; what is beside it then is black."""
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(picture, -degrees // 90))
    rows, columns = picture.shape
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), -degrees, 1)
    cosine, sine = np.abs(matrix[0, :2])
    size = int(rows * sine + columns * cosine), int(rows * cosine + columns * sine)
    matrix[:, 2] += (np.array(size) - (columns, rows)) / 2
    return cv2.warpAffine(picture, matrix, size)


def all_ways(picture: np.ndarray, turns: tuple[int, ...]) -> Iterator[tuple[int, Side, Pose]]:
    """Yield how a picture of an upright left hand lies, and what is found of that."""
    for side, seen in ((Side.LEFT, picture), (Side.RIGHT, picture[:, ::-1])):
        for degrees in turns:
            yield degrees, side, find_pose(turned(seen, degrees))


def off_degrees(found: int, true: int) -> int:
    return abs((found - true + 180) % 360 - 180)


def test_of_drawn_hands_however_they_lie_nothing_wrong_is_said_and_most_is() -> None:
    found = [one for hand in HANDS for one in all_ways(hand, (0, 90, 180, 270))]
    assert all(pose.side in {None, side} for _, side, pose in found)
    assert all(pose.turn_degrees is None or off_degrees(pose.turn_degrees, turn) <= 30 for turn, _, pose in found)
    assert sum(pose.side is None or pose.turn_degrees is None for _, _, pose in found) <= 8  # of 480


def test_of_real_hands_however_they_lie_nothing_wrong_is_said_and_most_is(shared_data: Path) -> None:
    paths = sorted((shared_data / "hand_radiographs").glob("*.png"))
    hands = [PngFile.at(path).standard_radiograph() for path in paths]
    assert len(hands) == 29
    ways = [one for hand in hands for one in all_ways(hand, (0, 90, 180, 270, 20, -20))]
    assert all(pose.side in {None, side} for _, side, pose in ways)
    assert all(pose.turn_degrees is None or off_degrees(pose.turn_degrees, turn) <= 30 for turn, _, pose in ways)
    as_they_are = [find_pose(hand) for hand in hands]
    assert sum(pose.side is Side.LEFT and pose.turn_degrees is not None for pose in as_they_are) >= 26


def test_a_radiograph_is_not_changed_by_looking() -> None:
    before = HANDS[0].copy()
    assert find_pose(HANDS[0]).side is Side.LEFT
    assert np.array_equal(HANDS[0], before)


@pytest.mark.parametrize("shape", [(80, 60), (1, 1024), (1, 1)])
def test_nothing_is_said_of_an_empty_picture(shape: tuple[int, int]) -> None:
    assert find_pose(np.full(shape, 30_000, np.uint16)) == Pose()


def test_nothing_is_said_of_what_has_no_thumb() -> None:
    disc = cv2.circle(np.zeros((300, 240), np.uint8), (120, 150), 70, 255, cv2.FILLED).astype(np.uint16) * 257
    assert find_pose(disc) == Pose()


def test_a_window_is_measured_by_the_palm_and_knows_what_it_does_not_see() -> None:
    mask = np.zeros((201, 201), np.uint8)
    cv2.circle(mask, (100, 40), 30, 1, cv2.FILLED)  # four half widths go far beyond the upper border, and no other
    cv2.rectangle(mask, (95, 40), (105, 120), 1, cv2.FILLED)  # downwards, to 80 px or two and two thirds half widths
    seen = silhouette(mask)
    assert seen.hand[0, :3] == pytest.approx(1, abs=0.01)
    assert seen.hand[36, 9] > 0.5 > seen.hand[36, 12]  # 73 and 97 px below
    assert seen.hand[18].round(1).tolist() == pytest.approx([1] * 3 + [0.5] + [0] * 12, abs=0.5)
    assert [seen.is_seen[0, 4], seen.is_seen[0, 5], seen.is_seen[36, 15]] == [True, False, True]  # 35 and 43 px above
