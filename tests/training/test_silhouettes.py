"""Mean silhouettes of drawn hands, by which the worker tells how a hand lies."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from training.__main__ import app
from training.silhouettes import mean_silhouettes
from worker.silhouette import ANGLES, FILE, RADII, Silhouette, decoded, encoded, log_likelihoods, shipped


def of_angles(first: int, last: int) -> Silhouette:
    """Return a silhouette that fills some angles."""
    hand = np.zeros((ANGLES, RADII))
    hand[first:last] = 1
    return Silhouette(hand, np.ones(hand.shape, bool))


def test_hands_that_lie_alike_have_one_mean() -> None:
    kinds = [of_angles(0, 10), of_angles(30, 60)]
    means = mean_silhouettes([kinds[number % 2] for number in range(20)], 2, seed=4)  # begins with one of each
    assert sorted(np.rint(mean).sum() / RADII for mean in means) == [10, 30]


def test_a_place_that_no_picture_holds_says_nothing() -> None:
    seen = of_angles(0, 10)
    seen.is_seen[40:] = False
    assert mean_silhouettes([seen] * 4, 1)[0, 40:] == pytest.approx(0.5)


def test_a_turn_is_a_shift_and_a_mirrored_hand_is_likelier_mirrored() -> None:
    means = np.stack([np.clip(of_angles(0, 10).hand, 0.1, 0.9)])
    turned = log_likelihoods(of_angles(20, 30), means)[..., 0]
    assert np.unravel_index(turned.argmax(), turned.shape) == (0, 20)
    assert turned.max() == pytest.approx(np.log(0.9))
    uneven = np.clip(of_angles(0, 10).hand * np.linspace(1, 0, ANGLES)[:, np.newaxis] ** 8, 0.1, 0.9)
    mirrored = Silhouette(np.roll(uneven[::-1], 1, axis=0), of_angles(0, 0).is_seen)
    likely = log_likelihoods(mirrored, uneven[np.newaxis])[..., 0]
    assert np.unravel_index(likely.argmax(), likely.shape) == (1, 0)


def test_those_that_ship_are_few_and_possible() -> None:
    assert shipped().shape == (8, ANGLES, RADII)
    assert shipped().min() > 0
    assert shipped().max() < 1
    assert encoded(decoded(FILE.read_bytes())) == FILE.read_bytes()


def test_a_picture_that_holds_none_is_refused() -> None:
    with pytest.raises(ValueError, match="a PNG of 72 rows"):
        decoded(b"none")


def test_the_command_makes_the_same_again(tmp_path: Path) -> None:
    made = []
    for name in ("one.png", "two.png"):
        arguments = ["silhouettes", "--hands", "20", "--means", "2", "--output", str(tmp_path / name)]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert decoded(made[0]).shape == (2, ANGLES, RADII)
