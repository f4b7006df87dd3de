import numpy as np
import pytest

from training.networks import xception


def test_the_backbone_has_the_parameters_of_the_published_network() -> None:
    # 20,861,480 without its top, for three channels; one channel saves 3 · 3 · 2 · 32 in the first convolution.
    assert xception.build_backbone(1.0).count_params() == 20_861_480 - 576


def test_channels_are_the_nearest_multiple_of_eight() -> None:
    assert [xception.channels(728, width) for width in (1.0, 0.5, 0.25)] == [728, 368, 184]  # 45.5 rounds to even
    assert xception.channels(32, 0.0625) == 8


def test_the_head_is_that_of_the_challenge_winner_narrowed() -> None:
    # Sex 1·32+32; (512+32)·248+248; 248·248+248; 248+1.
    assert xception.build_head(512, units=248).count_params() == 64 + 135_160 + 61_752 + 249


def test_grey_values_reach_the_first_convolution_between_minus_one_and_one() -> None:
    scaling = xception.build_backbone(0.0625).layers[1]
    assert np.asarray(scaling(np.array([[[[0.0], [0.5], [1.0]]]], np.float32))).ravel() == pytest.approx([-1, 0, 1])


def test_the_network_takes_any_size_from_64_px() -> None:
    network = xception.build(0.0625)
    for rows, columns in ((64, 64), (96, 64)):
        months = network([np.zeros((2, rows, columns, 1), np.float32), np.array([0, 1], np.float32)])
        assert months.shape == (2, 1)
