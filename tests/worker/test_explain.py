"""Heat maps: stored as shape and scale, drawn where they belong."""

import cv2
import numpy as np
import pytest

from db.vocabulary import Note
from worker.explain import OPACITY, explain, over_radiograph, overlay, overlay_as_shown
from worker.preprocess import Preprocessing

WHOLE = Preprocessing(rows=256, columns=256)


def test_a_heat_map_is_its_shape_times_its_peak() -> None:
    heat_map = np.array([[0.0, 2.0], [4.0, 1.0]], np.float32)
    explained = explain(heat_map)
    assert explained.peak_months == 4.0
    np.testing.assert_array_equal(explained.grid, [[0.0, 0.5], [1.0, 0.25]])


def test_an_empty_heat_map_stays_empty() -> None:
    explained = explain(np.zeros((2, 2), np.float32))
    assert explained.peak_months == 0.0
    np.testing.assert_array_equal(explained.grid, np.zeros((2, 2)))


def test_heat_in_the_padding_beside_a_tall_radiograph_is_left_out() -> None:
    grid = np.zeros((8, 8), np.float32)
    grid[:, :2] = grid[:, 6:] = 1.0  # a radiograph of aspect 2:1 fills the columns 2 to 5 only
    heat = over_radiograph(grid, np.zeros((800, 400), np.uint16), WHOLE)
    assert heat.shape == (800, 400)
    assert heat[:, 100:300].max() == 0.0


def hottest(heat: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    return int(row), int(column)


def test_heat_lies_where_the_network_saw_it() -> None:
    grid = np.zeros((8, 8), np.float32)
    grid[1, 6] = 1.0  # second cell from the top, second from the right
    heat = over_radiograph(grid, np.zeros((400, 400), np.uint16), WHOLE)
    assert hottest(heat) == (pytest.approx(75, abs=3), pytest.approx(325, abs=3))


def test_heat_over_a_stretched_radiograph_is_stretched_back() -> None:
    grid = np.zeros((8, 8), np.float32)
    grid[1, 6] = 1.0  # its centre lies at 3/16 of the rows and 13/16 of the columns
    heat = over_radiograph(grid, np.zeros((800, 400), np.uint16), Preprocessing(rows=256, columns=256, fit="stretch"))
    assert hottest(heat) == (pytest.approx(150, abs=4), pytest.approx(325, abs=3))


def test_heat_over_a_cropped_radiograph_lies_in_the_crop_only() -> None:
    radiograph = np.zeros((512, 512), np.uint16)
    cv2.ellipse(radiograph, (336, 176), (80, 120), 0, 0, 360, 40000, cv2.FILLED)  # 176 by 264 with its margin
    heat = over_radiograph(np.ones((8, 8), np.float32), radiograph, Preprocessing(rows=64, columns=64, crop="hand"))
    rows, columns = np.nonzero(heat)
    assert [rows.min(), rows.max(), columns.min(), columns.max()] == pytest.approx([44, 308, 244, 428], abs=5)


def test_the_radiograph_shows_unchanged_where_the_map_is_cold() -> None:
    radiograph = np.full((64, 64), 257 * 100, np.uint16)
    picture = overlay(radiograph, np.zeros((8, 8), np.float32), WHOLE)
    assert picture.shape == (64, 64, 3)
    assert (picture == 100).all()


def test_the_hottest_place_is_blended_with_the_hottest_colour() -> None:
    hottest = np.array([252, 255, 164])  # the upper end of the colour map inferno
    picture = overlay(np.zeros((64, 64), np.uint16), np.ones((8, 8), np.float32), WHOLE)
    np.testing.assert_allclose(picture[32, 32], hottest * OPACITY, atol=1.5)


def test_a_heat_map_of_a_mirrored_radiograph_lies_over_it_as_it_came() -> None:
    grid = np.zeros((8, 8), np.float32)
    grid[1, 6] = 1.0  # on the right of what the network saw
    picture = np.zeros((400, 300), np.uint16)
    picture[:, :100] = 40_000  # on the left as it came
    drawn = overlay_as_shown(picture, [Note.RIGHT], grid, WHOLE)
    mirrored = overlay(np.ascontiguousarray(picture[:, ::-1]), grid, WHOLE)
    assert np.array_equal(drawn, mirrored[:, ::-1])
    is_coloured = np.ptp(drawn.astype(int), axis=2) > 0
    assert (is_coloured[:200, :150].any(), is_coloured[:, 150:].any()) == (True, False)
    assert drawn[300, 50].tolist() == [155] * 3  # 40,000 / 257


def test_a_heat_map_of_an_inverted_and_mirrored_radiograph_lies_over_the_inverted_one() -> None:
    picture = np.arange(12_000, dtype=np.uint16).reshape(120, 100)
    cold = np.zeros((8, 8), np.float32)
    drawn = overlay_as_shown(picture, [Note.INVERTED, Note.RIGHT_OR_MIRRORED], cold, WHOLE)
    assert np.array_equal(drawn[..., 0], (65_535 - picture) // 257)
