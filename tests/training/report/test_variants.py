"""What the variants of a radiograph look like."""

from collections import Counter

import numpy as np
import pytest

from training.report.variants import VARIANTS, Kind, Variant, altered

RAMP = np.tile(np.arange(0, 65536, 2048, dtype=np.uint16), (32, 1))  # 0 at the left to 63,488 at the right


def made(kind: Kind, amount: float, image: np.ndarray = RAMP) -> np.ndarray:
    return altered(image, Variant(kind, amount, ""))


def test_there_are_33_of_the_seven_kinds_and_each_once() -> None:
    assert len(VARIANTS) == len({(one.kind, one.amount) for one in VARIANTS}) == 33
    assert len({(one.kind, one.words) for one in VARIANTS}) == 33
    assert set(Counter(one.kind for one in VARIANTS)) == set(Kind)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: f"{one.kind} {one.words}")
def test_each_changes_the_picture_and_not_the_original(variant: Variant) -> None:
    image = np.random.default_rng(1).integers(10_000, 50_000, (32, 24)).astype(np.uint16)
    before = image.copy()
    found = altered(image, variant)
    is_turned = variant.kind is Kind.ROTATION
    assert (found.ndim, found.dtype) == (2, np.uint16)
    assert is_turned or found.shape == image.shape
    assert not np.array_equal(found, image)
    assert np.array_equal(image, before)


def test_grey_values_are_those_worked_out_by_hand() -> None:
    picked = [0, 16, 31]
    assert RAMP[0, picked].tolist() == [0, 32768, 63488]
    assert made(Kind.BRIGHTNESS, 0.2)[0, picked].tolist() == [13107, 45875, 65535]
    assert made(Kind.BRIGHTNESS, -0.2)[0, picked].tolist() == [0, 19661, 50381]
    assert made(Kind.CONTRAST, 0.5)[0, picked].tolist() == [16384, 32768, 48128]  # 16383.75, 32767.75, 48127.75
    assert made(Kind.INVERSION, 1)[0, picked].tolist() == [65535, 32767, 2047]


def test_turns_and_mirrors_are_about_the_centre() -> None:
    assert np.array_equal(made(Kind.FLIP, 1), RAMP[:, ::-1])
    assert np.array_equal(made(Kind.FLIP, 0, RAMP.T), RAMP.T[::-1])
    for quarters in (1, 2, -1):
        assert np.array_equal(made(Kind.ROTATION, 90 * quarters, RAMP[:, :20]), np.rot90(RAMP[:, :20], quarters))


def test_a_turned_radiograph_is_whole() -> None:
    found = made(Kind.ROTATION, 45, np.full((30, 40), 50_000, np.uint16))
    assert found.shape == (round(70 / 2**0.5), round(70 / 2**0.5))
    assert found.sum(dtype=float) == pytest.approx(30 * 40 * 50_000, rel=0.05)


def test_a_marker_is_bright_and_in_its_corner() -> None:
    dark = np.zeros((100, 100), np.uint16)
    for corner, (rows, columns) in enumerate(
        [(slice(50), slice(50)), (slice(50), slice(50, 100)), (slice(50, 100), slice(50))]
    ):
        found = made(Kind.MARKER, corner, dark)
        assert found[rows, columns].max() > 60_000  # its edges are smoothed
        assert found.sum() == found[rows, columns].sum()
