"""The precision in which a network is fitted: single, or half where the recipe wants that and the device gains by it.

Before it: `training.recipe`. After it: `training.loop` builds the network within it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

import keras
import tensorflow as tf

from training.fitting import FitRecipe
from worker.engines.openvino import prepare_openvino

SCALED: Final = "mixed_float16"  # whose small gradients would be 0 if the loss were not scaled up
UNSCALED: Final = "mixed_bfloat16"


def policy(recipe: FitRecipe, replicas: int) -> str:
    """Return the name of Keras' policy for what is built.

    Parameters
    ----------
    recipe
        Whether it may compute in halves.
    replicas
        Devices that fit the same network. Of several GPUs, Keras lets each decide by its own part of the gradients
        whether a step is to be left out; of several processors, some may not have the instructions.
    """
    if not recipe.mixed_precision or replicas > 1:
        return str(keras.config.dtype_policy().name)
    if tf.config.list_physical_devices("GPU"):
        return SCALED
    return UNSCALED if has_bfloat16() else str(keras.config.dtype_policy().name)


@contextmanager
def computing_in(name: str) -> Iterator[None]:
    """Have what is built within the block compute by a policy of Keras."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@cache
def has_bfloat16() -> bool:
    """Whether this processor has instructions for it; without them it is slower than single precision."""
    return "BF16" in prepare_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
