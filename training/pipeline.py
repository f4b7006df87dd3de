"""Batches made beside the steps that take them: by several threads, in order, and a few ahead.

Before it: a function of the batch's number alone, such as that of `training.fit`'s epochs, which varies pictures by
NumPy and OpenCV; both leave Python's lock while they compute. After it: a training step.
"""

import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

BATCH = (
    tf.TensorSpec((None, None, None, 1), tf.float32),
    tf.TensorSpec((None,), tf.float32),
    tf.TensorSpec((None,), tf.float32),
    tf.TensorSpec((None,), tf.float32),
)
"""Image (n, rows, columns, 1), sex (n,), reference (n,) and weight (n,)."""

_MOST_THREADS = 8  # Python's own part of the work is done by one at a time
_AHEAD = 2  # batches that wait ready; a slow one is made up for by those before it


def epoch_dataset(make_batch: Callable[[int], Any], batches: int, spec: Any = BATCH) -> tf.data.Dataset:
    """Return the batches of an epoch, the same and in the same order however many threads make them.

    Parameters
    ----------
    make_batch
        From a batch's number to its arrays, in the structure of `spec`. Called from several threads at once, so that
        it may change nothing.
    batches
        How many the epoch has.
    spec
        ``tf.TensorSpec`` of each array, in tuples; what varies in shape is None.

    Returns
    -------
    tf.data.Dataset
        Of so many batches. Under ``tf.distribute`` it is not cut up: each worker makes its own part.
    """
    flat = tf.nest.flatten(spec)

    def make(number: Any) -> Any:
        made = tf.numpy_function(
            lambda index: tf.nest.flatten(make_batch(int(index))), [number], [one.dtype for one in flat]
        )
        shaped = [tf.ensure_shape(array, one.shape) for array, one in zip(made, flat, strict=True)]
        return tf.nest.pack_sequence_as(spec, shaped)

    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    made = tf.data.Dataset.range(batches).map(make, num_parallel_calls=threads, deterministic=True)
    return made.prefetch(_AHEAD).with_options(options)
