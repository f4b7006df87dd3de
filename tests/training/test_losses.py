"""Losses by hand: months 100 and 30, answered 112 and 24."""

import math

import numpy as np
import pytest
import tensorflow as tf

from training import losses, recipe

REFERENCE = np.array([100, 30], np.float32)
ANSWER = np.array([[112], [24]], np.float32)


def found(*changes: str, answer: np.ndarray = ANSWER) -> np.ndarray:
    return np.asarray(losses.of(recipe.load("starter", changes))(REFERENCE, answer))


def test_each_loss_is_in_the_unit_of_the_target() -> None:
    assert found("fit.loss='mae'") == pytest.approx([12, 6])
    assert found("fit.loss='mse'") == pytest.approx([144, 36])
    assert found("fit.loss='mse'", "target={unit='years'}") == pytest.approx([1, 0.25])
    z_score = "target={unit='z_score', mean_months=127.0, sd_months=24.0}"
    assert found("fit.loss='mae'", z_score) == pytest.approx([0.5, 0.25])


def test_huber_is_squared_near_and_absolute_far() -> None:
    assert found("fit.loss='huber'", "fit.huber_delta=10") == pytest.approx([10 * (12 - 5), 18])


def test_logarithms_are_compared_and_below_birth_they_still_teach() -> None:
    assert found("fit.loss='msle'") == pytest.approx([math.log(113 / 101) ** 2, math.log(25 / 31) ** 2], rel=1e-5)
    below = found("fit.loss='msle'", answer=np.array([[-2], [0]], np.float32))
    assert below == pytest.approx([(math.log(3) + math.log(101)) ** 2, math.log(31) ** 2], rel=1e-5)
    answer = tf.Variable(np.array([[-2], [0]], np.float32))
    with tf.GradientTape() as tape:
        loss = losses.of(recipe.load("starter", ["fit.loss='msle'"]))(REFERENCE, answer)
    assert (np.asarray(tape.gradient(loss, answer)) < 0).all()


def test_cross_entropy_is_of_the_stage_that_it_is() -> None:
    loss = losses.of(recipe.load("cnn_128_stages"))
    probabilities = np.array([[0.5, 0.25, 0.25], [0, 1, 0]], np.float32)
    assert np.asarray(loss(np.array([1, 0], np.float32), probabilities)) == pytest.approx(
        [math.log(4), -math.log(1e-7)]
    )
