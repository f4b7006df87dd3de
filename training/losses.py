"""Losses of one radiograph, in the unit of the recipe's target.

Before it: a network's months or stage probabilities. After it: `training.loop` weighs and adds them.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from training.recipe import Recipe

_LEAST_PROBABILITY = 1e-7

Loss = Callable[[Any, Any], Any]


def of(recipe: Recipe) -> Loss:
    """Return a recipe's loss.

    Parameters
    ----------
    recipe
        With its loss and its target's unit.

    Returns
    -------
    callable
        From references and answers to losses (n,) float32. References are months (n,) or stages (n,) 0, 1, 2; answers
        are months (n, 1) or probabilities (n, 3).
    """
    if recipe.fit.loss == "cross_entropy":
        return _cross_entropy
    if recipe.fit.loss == "msle":
        return _squared_logarithms
    unit_months = recipe.target.unit_months
    of_error = {"mse": tf.square, "mae": tf.abs, "huber": _huber(recipe.fit.huber_delta or 1.0)}[recipe.fit.loss]

    def loss(reference: Any, answer: Any) -> Any:
        return of_error((tf.cast(answer[:, 0], tf.float32) - reference) / unit_months)

    return loss


def _squared_logarithms(reference: Any, answer: Any) -> Any:
    # Below 0 months, where networks begin, it goes on mirrored: cut off, it would teach nothing, and in a line so
    # steeply that a deep network never comes back.
    months = tf.cast(answer[:, 0], tf.float32)
    above, below = tf.math.log1p(tf.maximum(months, 0.0)), tf.math.log1p(tf.maximum(-months, 0.0))
    logarithm = tf.where(months > 0, above, -below)
    return tf.square(logarithm - tf.math.log1p(reference))


def _huber(delta: float) -> Callable[[Any], Any]:
    def of_error(error: Any) -> Any:
        size = tf.abs(error)
        return tf.where(size <= delta, tf.square(error) / 2, delta * (size - delta / 2))

    return of_error


def _cross_entropy(reference: Any, answer: Any) -> Any:
    stages = tf.cast(reference, tf.int32)
    probability = tf.gather(tf.cast(answer, tf.float32), stages, batch_dims=1)
    return -tf.math.log(probability + _LEAST_PROBABILITY)
