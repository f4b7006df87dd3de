"""Local contrast: what the clip limit and the tiles do, in small pictures."""

import numpy as np
import pytest

from worker.contrast import Clahe, equalise

STEPS = np.repeat(np.linspace(0.4, 0.6, 4, dtype=np.float32), 64).reshape(16, 16)  # four grey values, 64 pixels each


def test_without_clipping_one_tile_is_the_equalised_histogram() -> None:
    equalised = equalise(STEPS, Clahe(clip_limit=256, tiles=1))
    assert np.unique(equalised) == pytest.approx([0.25, 0.5, 0.75, 1.0], abs=0.005)  # the share that is no brighter


def test_a_lower_clip_limit_adds_less_contrast() -> None:
    spans = [
        np.ptp(equalise(STEPS, Clahe(clip_limit=limit, tiles=1))) for limit in (4, 16, 64)
    ]  # at 64 of 256 nothing is clipped
    assert spans[0] < spans[1] < spans[2]


def test_the_picture_is_not_changed_and_the_values_stay_in_their_range() -> None:
    grey = np.random.default_rng(0).random((33, 17), np.float32)
    before = grey.copy()
    equalised = equalise(grey, Clahe(clip_limit=2, tiles=8))
    assert np.array_equal(grey, before)
    assert equalised.dtype == np.float32
    assert equalised.shape == (33, 17)
    assert 0 <= equalised.min() < equalised.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (64, 1), (3, 5)])
def test_a_picture_with_fewer_pixels_than_tiles_is_equalised_too(shape: tuple[int, int]) -> None:
    assert equalise(np.full(shape, 0.5, np.float32), Clahe(clip_limit=2, tiles=8)).shape == shape
