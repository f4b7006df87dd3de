import math

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from db.vocabulary import Sex
from worker.contrast import Clahe
from worker.preprocess import Preprocessing, encode_sex, fitted_size, preprocess


def test_a_wide_radiograph_is_centred_between_bars_of_padding() -> None:
    radiograph = np.full((2, 4), 65535, np.uint16)
    network_input = preprocess(radiograph, Preprocessing(rows=4, columns=4, padding_value=0.25))
    assert network_input.shape == (4, 4, 1)
    assert network_input.dtype == np.float32
    assert network_input[..., 0].tolist() == [[0.25] * 4, [1.0] * 4, [1.0] * 4, [0.25] * 4]


def test_the_odd_row_of_padding_lies_below() -> None:
    radiograph = np.full((1, 2), 65535, np.uint16)
    network_input = preprocess(radiograph, Preprocessing(rows=4, columns=2))
    assert network_input[..., 0].tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]


def test_shrinking_takes_the_mean_of_each_area() -> None:
    radiograph = np.array([[0, 13107, 0, 0], [26214, 39321, 0, 65535]], np.uint16)  # 0, 0.2, 0.4, 0.6 of full scale
    network_input = preprocess(radiograph, Preprocessing(rows=1, columns=2))
    assert network_input[0, :, 0] == pytest.approx([0.3, 0.25])


def test_enlarging_keeps_a_flat_picture_flat() -> None:
    network_input = preprocess(np.full((2, 2), 13107, np.uint16), Preprocessing(rows=5, columns=5))
    assert network_input == pytest.approx(0.2)


def test_an_upright_radiograph_keeps_its_aspect_ratio() -> None:
    assert fitted_size((2080, 1600), Preprocessing(rows=256, columns=256)) == (256, 197)


def test_a_sliver_keeps_one_pixel() -> None:
    assert fitted_size((1000, 1), Preprocessing(rows=64, columns=64)) == (64, 1)


def test_percentiles_become_black_and_white() -> None:
    radiograph = np.arange(101, dtype=np.uint16)[np.newaxis] * 100  # percentile p is 100 · p
    network_input = preprocess(radiograph, Preprocessing(rows=1, columns=101, value_percentiles=(10, 60)))
    assert network_input[0, [0, 10, 35, 60, 100], 0] == pytest.approx([0, 0, 0.5, 1, 1])


def test_half_the_exposure_scale_gives_the_same_input() -> None:
    radiograph = np.random.default_rng(0).integers(0, 20000, (40, 32)).astype(np.uint16)
    card = Preprocessing(rows=16, columns=16, value_percentiles=(0.5, 99.5))
    assert preprocess(radiograph * 2 + 5000, card) == pytest.approx(preprocess(radiograph, card), abs=1e-6)


def test_eight_bits_give_nearly_the_input_of_sixteen() -> None:
    radiograph = np.random.default_rng(0).integers(0, 65536, (40, 32)).astype(np.uint16)
    eight_bits = (radiograph // 257 * 257).astype(np.uint16)
    card = Preprocessing(rows=16, columns=16, value_percentiles=(0.5, 99.5))
    assert preprocess(eight_bits, card) == pytest.approx(preprocess(radiograph, card), abs=2 / 255)


def test_a_constant_picture_becomes_black() -> None:
    card = Preprocessing(rows=8, columns=8, value_percentiles=(0.5, 99.5))
    assert not preprocess(np.full((8, 8), 700, np.uint16), card).any()


def test_the_radiograph_is_not_changed() -> None:
    radiograph = np.random.default_rng(0).integers(0, 65536, (8, 8)).astype(np.uint16)
    before = radiograph.copy()
    preprocess(radiograph, Preprocessing(rows=8, columns=8))
    assert np.array_equal(radiograph, before)


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 1), np.uint16), np.zeros((0, 4), np.uint16)]
)
def test_what_is_no_standard_radiograph_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected a radiograph \(rows, columns\) uint16"):
        preprocess(wrong, Preprocessing(rows=4, columns=4))


def test_percentiles_must_ascend() -> None:
    with pytest.raises(ValidationError, match="must ascend"):
        Preprocessing(rows=4, columns=4, value_percentiles=(60, 60))


def test_a_card_of_before_gives_bit_for_bit_what_it_gave() -> None:
    radiograph = np.random.default_rng(1).integers(0, 65536, (256, 192)).astype(np.uint16)
    card = Preprocessing.model_validate(
        {"rows": 64, "columns": 64, "crop": "none", "clahe": None, "value_percentiles": [0.5, 99.5]}
    )
    # Means of 4 by 4 whole numbers are exact in float32, in whatever order they are summed up.
    means = radiograph.reshape(64, 4, 48, 4).mean(axis=(1, 3)).astype(np.float32)
    low, high = np.percentile(means, (0.5, 99.5))
    expected = np.zeros((64, 64, 1), np.float32)
    expected[:, 8:56, 0] = np.clip((means - np.float32(low)) / np.float32(high - low), 0, 1)
    assert np.array_equal(preprocess(radiograph, card), expected)


def test_a_stretched_radiograph_fills_the_input() -> None:
    radiograph = np.array([[0, 13107, 0, 0], [26214, 39321, 0, 65535]], np.uint16)  # 0, 0.2, 0.4, 0.6 of full scale
    network_input = preprocess(radiograph, Preprocessing(rows=2, columns=2, fit="stretch"))
    assert network_input[..., 0].ravel() == pytest.approx([0.1, 0.0, 0.5, 0.5])


def hand_beside_a_marker() -> np.ndarray:
    radiograph = np.full((400, 400), 3000, np.uint16)
    cv2.ellipse(radiograph, (200, 240), (60, 100), 0, 0, 360, 20000, cv2.FILLED)
    radiograph[20:50, 340:380] = 65535
    return radiograph


def test_percentiles_are_those_of_the_crop() -> None:
    card = Preprocessing(rows=64, columns=64, crop="hand", value_percentiles=(0, 100))
    assert preprocess(hand_beside_a_marker(), card).max() == 1.0  # the hand, for the marker is cut off
    whole = preprocess(hand_beside_a_marker(), card.model_copy(update={"crop": "none"}))
    assert whole[38, 32, 0] == pytest.approx((20000 - 3000) / (65535 - 3000), abs=1e-4)


def test_a_crop_keeps_its_aspect_ratio_and_its_padding() -> None:
    card = Preprocessing(rows=64, columns=64, crop="hand", padding_value=0.5, clahe=Clahe(clip_limit=2, tiles=4))
    network_input = preprocess(hand_beside_a_marker(), card)[..., 0]
    # 120 by 200 and a margin of 10 on each side: 140 by 220, 41 columns of 64.
    padding = (network_input == 0.5).all(axis=0)
    assert padding[:10].all()
    assert padding[-10:].all()
    assert not padding[13:51].any()


def test_what_is_not_on_offer_is_named() -> None:
    with pytest.raises(ValidationError, match=r"crop\n.*'none'.*'hand'"):
        Preprocessing.model_validate({"rows": 4, "columns": 4, "crop": "fist"})
    with pytest.raises(ValidationError, match=r"clahe\.tiles\n.*greater than or equal to 1"):
        Preprocessing.model_validate({"rows": 4, "columns": 4, "clahe": {"clip_limit": 2.0, "tiles": 0}})


def test_an_unknown_sex_is_not_a_number() -> None:
    assert encode_sex(Sex.MALE) == 1
    assert encode_sex(Sex.FEMALE) == 0
    assert math.isnan(encode_sex(Sex.OTHER))
    assert math.isnan(encode_sex(Sex.MISSING))
