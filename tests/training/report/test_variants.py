"""What the variants of a radiograph look like."""

from collections import Counter

import numpy as np
import pytest

from training.report.variants import VARIANTS, Kind, Variant, altered
from worker.preprocess import Preprocessing

PLAIN = Preprocessing(rows=32, columns=32)
RAMP = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))  # 0 at the left to 248 at the right


def made(kind: Kind, amount: float, image: np.ndarray = RAMP, preprocessing: Preprocessing = PLAIN) -> np.ndarray:
    return altered(image, Variant(kind, amount, ""), preprocessing)


def test_there_are_33_of_the_seven_kinds_and_each_once() -> None:
    assert len(VARIANTS) == len({(one.kind, one.amount) for one in VARIANTS}) == 33
    assert len({(one.kind, one.words) for one in VARIANTS}) == 33
    assert set(Counter(one.kind for one in VARIANTS)) == set(Kind)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: f"{one.kind} {one.words}")
def test_each_changes_the_picture_but_neither_its_size_nor_the_original(variant: Variant) -> None:
    image = np.random.default_rng(1).integers(40, 200, (32, 32)).astype(np.uint8)
    before = image.copy()
    found = altered(image, variant, PLAIN)
    assert (found.shape, found.dtype) == (image.shape, np.uint8)
    assert not np.array_equal(found, image)
    assert np.array_equal(image, before)


def test_grey_values_are_those_worked_out_by_hand() -> None:
    picked = RAMP[0, [0, 16, 31]].tolist()
    assert picked == [0, 128, 248]
    assert made(Kind.BRIGHTNESS, 0.2)[0, [0, 16, 31]].tolist() == [51, 179, 255]
    assert made(Kind.BRIGHTNESS, -0.2)[0, [0, 16, 31]].tolist() == [0, 77, 197]
    assert made(Kind.CONTRAST, 0.5)[0, [0, 16, 31]].tolist() == [64, 128, 188]  # 63.75, 127.75, 187.75
    assert made(Kind.INVERSION, 1)[0, [0, 16, 31]].tolist() == [255, 127, 7]


def test_turns_and_mirrors_are_about_the_centre() -> None:
    assert np.array_equal(made(Kind.FLIP, 1), RAMP[:, ::-1])
    assert np.array_equal(made(Kind.FLIP, 0, RAMP.T), RAMP.T[::-1])
    for quarters in (1, 2, -1):
        found = made(Kind.ROTATION, 90 * quarters).astype(int)
        assert np.abs(found - np.rot90(RAMP, quarters))[1:-1, 1:-1].max() <= 1


def test_a_marker_is_bright_and_in_its_corner() -> None:
    dark = np.zeros((100, 100), np.uint8)
    for corner, (rows, columns) in enumerate(
        [(slice(50), slice(50)), (slice(50), slice(50, 100)), (slice(50, 100), slice(50))]
    ):
        found = made(Kind.MARKER, corner, dark, Preprocessing(rows=100, columns=100))
        assert found[rows, columns].max() > 240  # its edges are smoothed
        assert found.sum() == found[rows, columns].sum()


def test_values_are_stretched_again_as_the_card_says() -> None:
    stretched = Preprocessing(rows=32, columns=32, value_percentiles=(0, 100))
    assert made(Kind.CONTRAST, 0.5, preprocessing=stretched)[0, [0, 31]].tolist() == [0, 255]
