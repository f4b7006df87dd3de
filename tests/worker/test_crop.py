"""Where the hand lies: around what is drawn here, around drawn hands, and around real ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from db.vocabulary import Sex
from training.phantom import draw
from worker.crop import Box, hand_box, with_margin
from worker.read import read, shrink

TISSUE, BACKGROUND, WHITE = 30000, 2000, 65535
ROWS, COLUMNS = 512, 384


def hand(centre: tuple[int, int] = (200, 280), background: int = BACKGROUND) -> np.ndarray:
    """Draw a palm with a finger: 120 wide, from row 120 to row 380 when centred as above."""
    picture = np.full((ROWS, COLUMNS), background, np.uint16)
    across, down = centre
    cv2.ellipse(picture, centre, (60, 100), 0, 0, 360, TISSUE, cv2.FILLED)
    picture[down - 160 : down, across - 12 : across + 12] = TISSUE
    return picture


EXPECTED = Box(120 - 13, 140 - 13, 381 + 13, 261 + 13)  # a margin of 5% of 260 px
TOLERANCE_PIXELS = 5  # the hand is looked for at half this size, blurred


def test_the_hand_is_found_with_its_finger_and_a_margin() -> None:
    assert hand_box(hand()) == pytest.approx(EXPECTED, abs=TOLERANCE_PIXELS)


def test_a_marker_is_left_out() -> None:
    radiograph = hand()
    radiograph[30:60, 300:350] = WHITE
    assert hand_box(radiograph) == pytest.approx(EXPECTED, abs=TOLERANCE_PIXELS)


def test_a_white_border_is_left_out() -> None:
    radiograph = hand()
    radiograph[:, :30] = WHITE
    radiograph[-20:] = WHITE
    assert hand_box(radiograph) == pytest.approx(EXPECTED, abs=TOLERANCE_PIXELS)


def test_a_hand_that_meets_a_white_border_is_not_taken_for_it() -> None:
    radiograph = hand(centre=(200, 420))
    radiograph[-20:] = WHITE
    top, left, _, right = EXPECTED
    assert hand_box(radiograph) == pytest.approx((top + 140, left, ROWS - 20 + 7, right), abs=7)  # 7: half a margin


def test_the_hand_is_found_in_a_tilted_film_frame_on_a_lighter_ground() -> None:
    radiograph = np.full((ROWS, COLUMNS), 15000, np.uint16)
    frame = cv2.boxPoints(((195, 265), (260, 400), 4.0)).astype(np.int32)
    cv2.fillPoly(radiograph, [frame], 19000)
    inside = hand(background=0)
    radiograph[inside > 0] = TISSUE
    cv2.polylines(radiograph, [frame], isClosed=True, color=36000, thickness=5)
    assert hand_box(radiograph) == pytest.approx(EXPECTED, abs=TOLERANCE_PIXELS + 2)


def test_a_background_that_brightens_to_one_side_is_no_border() -> None:
    uneven = np.maximum(hand(), np.linspace(0, 14000, COLUMNS).astype(np.uint16))
    box = hand_box(uneven)
    assert box.top <= 120
    assert box.left <= 140
    assert box.bottom >= 380
    assert box.right >= 260


def test_of_two_hands_both_are_kept() -> None:
    radiograph = np.hstack([hand(), hand()])
    top, left, bottom, right = hand_box(radiograph)
    assert (top, bottom) == pytest.approx((EXPECTED.top, EXPECTED.bottom), abs=TOLERANCE_PIXELS + 15)
    assert left < 140
    assert right > COLUMNS + 260


def test_the_radiograph_is_not_changed_and_the_answer_is_the_same_again() -> None:
    radiograph = hand()
    before = radiograph.copy()
    assert hand_box(radiograph) == hand_box(radiograph)
    assert np.array_equal(radiograph, before)


def nothing() -> list[np.ndarray]:
    speck = np.full((ROWS, COLUMNS), BACKGROUND, np.uint16)
    speck[100:140, 100:140] = WHITE  # 0.8% of the picture
    cross = np.full((ROWS, COLUMNS), BACKGROUND, np.uint16)
    cross[200:300] = cross[:, 150:250] = WHITE
    noise = np.random.default_rng(0).integers(0, 65536, (ROWS, COLUMNS)).astype(np.uint16)
    return [speck, cross, noise, np.full((ROWS, COLUMNS), 700, np.uint16), np.ones((1, 900), np.uint16)]


@pytest.mark.parametrize("radiograph", nothing(), ids=["speck", "cross", "noise", "constant", "line"])
def test_where_nothing_looks_like_a_hand_the_whole_radiograph_stays(radiograph: np.ndarray) -> None:
    assert hand_box(radiograph) == (0, 0, *radiograph.shape)


def test_a_margin_ends_at_the_border() -> None:
    assert with_margin((100, 80), (10, 20, 90, 60)) == (6, 16, 94, 64)  # 5% of 80
    assert with_margin((100, 80), (-30, 1, 99, 79)) == (0, 0, 100, 80)


def test_a_hand_outside_its_radiograph_is_none() -> None:
    assert with_margin((100, 80), (200, 20, 240, 60)) == (0, 0, 100, 80)


@pytest.mark.parametrize("seed", [3, 4, 6, 7, 9])  # that no shutter hides a part of
def test_no_finger_of_a_drawn_hand_is_cut_off(seed: int) -> None:
    drawn = draw(20.0 + 22 * seed, Sex.FEMALE, seed, rows=256)
    box = hand_box(drawn.image)
    assert drawn.bone_mask[box.slices].sum() == drawn.bone_mask.sum()


def real(path: Path) -> np.ndarray:
    return shrink(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.uint16) * 257)


def test_no_finger_of_a_real_hand_is_cut_off(shared_data: Path) -> None:
    folder = shared_data / "hand_radiographs"
    for path in sorted(folder.glob("*.png")):
        if path.stem in {"1377", "1381"}:  # their background was not painted black
            continue
        radiograph = real(path)
        is_hand = (cv2.blur(radiograph, (5, 5)) > 257 * 8).astype(np.uint8)
        _, _, statistics, _ = cv2.connectedComponentsWithStats(is_hand)
        left, top, width, height, _ = max(statistics[1:], key=lambda part: part[cv2.CC_STAT_AREA])
        box = hand_box(radiograph)
        assert box.top <= max(0, top), path.name
        assert box.left <= max(0, left), path.name
        assert box.bottom >= top + height, path.name
        assert box.right >= left + width, path.name


def test_on_real_radiographs_with_their_background_the_hand_is_found(shared_data: Path) -> None:
    folder = shared_data / "hand_radiographs"
    white_border = hand_box(real(folder / "1377.png"))  # its edges below read off the picture, in px
    assert white_border.left >= 20
    assert white_border.left <= 80
    assert white_border.right >= 730
    film_frame = hand_box(real(folder / "1381.png"))
    assert film_frame == pytest.approx((105, 90, 470, 340), abs=40)
    assert film_frame.top <= 125
    assert film_frame.left <= 118
    assert film_frame.right >= 308


def test_a_leg_between_white_collimation_is_cut_free(shared_data: Path) -> None:
    box = hand_box(read(shared_data / "dicom" / "RG3_UNC.dcm"))
    assert box == pytest.approx((0, 270, 1024, 730), abs=25)
