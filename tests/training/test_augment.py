import numpy as np
import pytest

from training.augment import augment, expose, focus, hide, move
from training.ingredients import AugmentationRecipe

NOTHING = AugmentationRecipe(
    shift_fraction=0,
    zoom_fraction=0,
    rotation_degrees=0,
    brightness=0,
    contrast_fraction=0,
    gamma_octaves=0,
    noise=0,
    blur_fraction=0,
    sharpening=0,
    hidden_fraction=0,
    mirrored_fraction=0,
)


class Always(np.random.Generator):
    """Every uniform random number is the largest, and every chance is taken."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def random(self) -> float:  # type: ignore[override]  # only what is used
        return 0.0

    def uniform(self, low: float = 0, high: float = 1, size: int | None = None) -> float | np.ndarray:  # type: ignore[override]  # only what is used
        return high if size is None else np.full(size, high)


def varied(**largest: float) -> AugmentationRecipe:
    return NOTHING.model_copy(update=largest)


def test_nothing_varied_changes_nothing() -> None:
    image = np.random.default_rng(0).random((8, 8), np.float32)
    assert augment(image, NOTHING, np.random.default_rng(1)) == pytest.approx(image, abs=1e-6)


def test_a_shift_of_a_quarter_moves_right_and_down() -> None:
    image = np.zeros((4, 4), np.float32)
    image[0, 0] = 1
    moved = move(image, varied(shift_fraction=0.25), Always())
    assert np.argwhere(moved > 0.5).tolist() == [[1, 1]]


def test_the_other_hand_is_shown_as_often_as_asked() -> None:
    image = np.array([[0, 0.25, 1]], np.float32)
    assert move(image, varied(mirrored_fraction=0.5), Always()).tolist() == [[1, 0.25, 0]]
    rng = np.random.default_rng(1)
    mirrored = sum(move(image, varied(mirrored_fraction=0.5), rng)[0, 0] == 1 for _ in range(400))
    assert 160 < mirrored < 240


def test_a_turn_of_ninety_degrees_is_about_the_centre() -> None:
    image = np.zeros((5, 5), np.float32)
    image[2, 4] = 1
    moved = move(image, varied(rotation_degrees=90), Always())
    assert np.argwhere(moved > 0.5).tolist() == [[0, 2]]  # counter-clockwise: from the right to the top


def test_gamma_contrast_and_brightness_follow_one_another() -> None:
    image = np.array([[0.0, 0.5, 1.0]], np.float32)
    exposed = expose(image, varied(gamma_octaves=1, contrast_fraction=0.5, brightness=0.1), Always())
    # Squared 0, 0.25, 1; half as much again about 0.5: -0.25, 0.125, 1.25; a tenth brighter and clipped.
    assert exposed[0] == pytest.approx([0, 0.225, 1])


def test_sharpening_adds_so_many_times_the_detail() -> None:
    image = np.zeros((200, 200), np.float32)
    image[100, 100] = 0.5
    sharp = focus(image, varied(sharpening=1.5), Always())
    # A Gaussian of a standard deviation of 2 pixels, a hundredth of the height, leaves 1 / 8π of a dot in its middle.
    assert sharp[100, 100] == pytest.approx(0.5 + 1.5 * (0.5 - 0.5 / (8 * np.pi)), rel=0.01)
    assert sharp[100, 102] < 0
    assert expose(sharp, NOTHING, Always()).min() == 0


def test_half_are_blurred_and_none_loses_its_mean() -> None:
    image = np.zeros((100, 100), np.float32)
    image[50, 50] = 1
    rng = np.random.default_rng(3)
    blurred = [focus(image, varied(blur_fraction=0.02), rng) for _ in range(200)]
    assert 70 < sum(one[50, 50] < 0.99 for one in blurred) < 120
    assert min(one[50, 50] for one in blurred) == pytest.approx(1 / (8 * np.pi), rel=0.1)  # 2 pixels at most
    assert [float(one.sum()) for one in blurred] == pytest.approx([1.0] * 200, rel=1e-4)


def test_two_rectangles_hide_a_part_each() -> None:
    image = np.full((100, 200), 2.0, np.float32)  # of no grey value that can hide anything
    hidden = [hide(image, varied(hidden_fraction=0.4), np.random.default_rng(seed)) for seed in range(300)]
    assert max(len(np.unique(one)) for one in hidden) == 3
    # Each hides (0.4 / 2)² of the picture on average, and some of what they hide they share.
    assert np.mean([one < 1 for one in hidden]) == pytest.approx(2 * 0.2**2, rel=0.1)
    assert np.all(np.any([one < 1 for one in hidden], axis=0)[5:95, 10:190])


def test_noise_has_its_standard_deviation() -> None:
    noisy = expose(np.full((200, 200), 0.5, np.float32), varied(noise=0.05), Always())
    assert noisy.std() == pytest.approx(0.05, rel=0.02)


def test_the_same_seed_varies_alike_and_the_image_is_not_changed() -> None:
    image = np.random.default_rng(0).random((8, 8), np.float32)
    before = image.copy()
    much = varied(
        shift_fraction=0.2,
        zoom_fraction=0.2,
        rotation_degrees=30,
        gamma_octaves=1,
        noise=0.1,
        sharpening=1,
        hidden_fraction=0.5,
    )
    first, second = (augment(image, much, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, image)
    assert np.array_equal(image, before)
