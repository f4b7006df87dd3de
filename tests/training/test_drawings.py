"""What every drawing of hands promises, whatever it draws: `training.phantom` and `training.hand` alike."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from db.vocabulary import Sex
from training import hand, phantom
from training.phantom import Phantom

Draw = Callable[..., Phantom]


@pytest.fixture(params=[phantom.draw, hand.draw], ids=["phantom", "hand"])
def draw(request: pytest.FixtureRequest) -> Draw:
    chosen: Draw = request.param
    return chosen


def test_the_same_arguments_draw_the_same_hand(draw: Draw) -> None:
    first, second = draw(100, Sex.FEMALE, 5, 96), draw(100, Sex.FEMALE, 5, 96)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.bone_mask, second.bone_mask)
    assert np.array_equal(first.growth_plate_mask, second.growth_plate_mask)


def test_another_seed_draws_another_hand(draw: Draw) -> None:
    first, second = draw(100, Sex.FEMALE, 5, 96), draw(100, Sex.FEMALE, 6, 96)
    assert first.image.shape != second.image.shape or not np.array_equal(first.image, second.image)


@pytest.mark.parametrize("sex", [Sex.MALE, Sex.FEMALE])
@pytest.mark.parametrize("bone_age_months", [0, 1, 12, 24, 60, 100.5, 150, 190, 228, 240])
def test_every_age_and_sex_is_drawn(draw: Draw, bone_age_months: float, sex: Sex) -> None:
    drawn = draw(bone_age_months, sex, 11, 96)
    assert drawn.image.dtype == np.uint16
    assert drawn.image.shape == drawn.bone_mask.shape == drawn.growth_plate_mask.shape
    assert drawn.image.shape[0] == 96
    assert drawn.bone_mask.any()
    assert (drawn.bone_age_months, drawn.sex, drawn.seed) == (bone_age_months, sex, 11)


@pytest.mark.parametrize("sex", [Sex.MALE, Sex.FEMALE])
def test_the_carpal_bones_are_bones_and_there_are_more_of_them_with_age(draw: Draw, sex: Sex) -> None:
    young, old = draw(2, sex, 11, 192), draw(180, sex, 11, 192)
    shares = [float(one.carpal_mask.sum() / one.bone_mask.sum()) for one in (young, old)]
    assert shares[0] < 0.02
    assert 0.08 < shares[1] < 0.4
    assert not (old.carpal_mask & ~old.bone_mask).any()


def test_the_same_scene_is_drawn_at_any_size(draw: Draw) -> None:
    small, large = draw(110, Sex.FEMALE, 8, 192), draw(110, Sex.FEMALE, 8, 768)
    rows, columns = small.image.shape
    assert small.pixel_spacing_mm == pytest.approx(4 * large.pixel_spacing_mm, rel=1e-6)

    def shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        smaller = cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(smaller >= 0.5)

    shared = shrunk(large.bone_mask) & small.bone_mask
    either = shrunk(large.bone_mask) | small.bone_mask
    assert shared.sum() > 0.93 * either.sum()
    reduced = cv2.resize(large.image, (columns, rows), interpolation=cv2.INTER_AREA).astype(float)
    assert np.corrcoef(reduced.ravel(), small.image.astype(float).ravel())[0, 1] > 0.98


@pytest.mark.parametrize("bone_age_months", [110, 120])
def test_growth_plates_are_not_bone(draw: Draw, bone_age_months: float) -> None:
    drawn = draw(bone_age_months, Sex.MALE, 3, 384)
    assert drawn.growth_plate_mask.any()
    assert not (drawn.growth_plate_mask & drawn.bone_mask).any()


@pytest.mark.parametrize("bone_age_months", [-1, 240.1, float("nan")])
def test_a_bone_age_that_is_not_allowed_is_refused(draw: Draw, bone_age_months: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 240"):
        draw(bone_age_months, Sex.MALE, 0)


@pytest.mark.parametrize("sex", [Sex.OTHER, Sex.MISSING, "X"])
def test_an_unknown_sex_is_refused(draw: Draw, sex: Sex) -> None:
    with pytest.raises(ValueError, match="sex must be"):
        draw(100, sex, 0)


def test_too_few_rows_are_refused(draw: Draw) -> None:
    with pytest.raises(ValueError, match="at least 64"):
        draw(100, Sex.MALE, 0, rows=63)
