"""Means of areas beside their definition, at sizes that are no multiples of what is done at once."""

import numpy as np
import pytest

from worker.area import area_means, look_up


def shares(pixels: int, shrunk: int) -> np.ndarray:
    """(shrunk, pixels): how much of each new pixel's area lies in each old one."""
    ends = np.arange(shrunk + 1)[:, np.newaxis] * pixels / shrunk
    covered = np.clip(ends - np.arange(pixels), 0, 1)  # of each old pixel, up to each new one's end
    return np.diff(covered, axis=0) * shrunk / pixels


def mean_of_areas(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return shares(picture.shape[0], rows) @ picture @ shares(picture.shape[1], columns).T


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [
        ((300, 263), 101, 97),
        ((129, 64), 128, 64),
        ((256, 40), 128, 20),
        ((3, 500), 2, 41),
        ((500, 3), 33, 1),
        ((4000, 5), 1024, 1),
        ((130, 130), 130, 130),
    ],
)
def test_each_pixel_is_the_mean_of_its_area_to_within_one(shape: tuple[int, int], rows: int, columns: int) -> None:
    picture = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
    shrunk = area_means(picture, None, rows, columns)
    assert shrunk.shape == (rows, columns)
    assert shrunk.dtype == np.uint16
    assert np.abs(shrunk - mean_of_areas(picture.astype(float), rows, columns)).max() <= 1.01  # two roundings


def test_shares_are_those_of_the_definition() -> None:
    assert shares(3, 2).tolist() == [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_looking_up_on_the_way_is_looking_up_first(dtype: type[np.unsignedinteger]) -> None:
    rng = np.random.default_rng(1)
    words = rng.integers(0, 256, (300, 203)).astype(dtype)
    table = rng.integers(0, 65536, 256, np.uint16)
    before = words.copy()
    assert (area_means(words, table, 103, 70) == area_means(table[words], None, 103, 70)).all()
    assert (look_up(words, table) == table[words]).all()
    assert (words == before).all()


def test_black_and_white_stay_so() -> None:
    picture = np.zeros((700, 611), np.uint16)
    picture[:, 300:] = 65535
    shrunk = area_means(picture, None, 211, 200)
    assert (shrunk[:, :98] == 0).all()
    assert (shrunk[:, 99:] == 65535).all()
