"""A training step fed by the input pipeline beside the same step fed from memory."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from training import cache, recipe
from training.batches import Batch, Epoch, Labelled
from training.cases import Part
from training.sources.phantoms import phantoms

HANDS = 64
ROUNDS = 10  # of steps in turns, so that both kinds meet the same machine
STEPS_OF_BATCH_SIZE = {8: 2, 32: 1}


def measure() -> Table:
    """Fit the starter's network at 256 px in turns of steps, and print the fastest of each kind."""
    starter = recipe.load("starter")
    hands = phantoms(Part.TRAINING, HANDS)
    table = Table("starter at 256 px, batch of", "from memory, ms", "by the pipeline, ms", "ratio", title="pipeline")
    with tempfile.TemporaryDirectory() as folder:
        labelled = Labelled(cache.images(hands, starter.preprocessing, Path(folder)), hands)
        for size, steps in STEPS_OF_BATCH_SIZE.items():
            # The fastest of all rounds, for whatever else the machine does only adds to them.
            in_memory, by_pipeline = _milliseconds(starter, labelled, size, steps).min(axis=0)
            table.add_row(str(size), f"{in_memory:.0f}", f"{by_pipeline:.0f}", f"{by_pipeline / in_memory:.3f}")
    return table


def _milliseconds(starter: recipe.Recipe, labelled: Labelled, size: int, steps: int) -> Any:
    """Return (rounds, 2): how long a step took from memory and by the pipeline."""
    from training.pipeline import epoch_dataset

    small = starter.model_copy(update={"fit": starter.fit.model_copy(update={"batch_size": size})})
    epoch = Epoch(small, labelled, starter.fit.epochs - 1)  # the last is at full size

    def make_batch(number: int) -> Batch:
        return epoch.batch(number % len(epoch))

    step = _step(starter)
    kinds = (_from_memory(make_batch), iter(epoch_dataset(make_batch, (ROUNDS + 1) * steps + 1)))
    step(*next(kinds[1]))  # traced
    times = np.zeros((ROUNDS + 1, len(kinds)))
    for turn, kind in np.ndindex(times.shape):
        started = perf_counter()
        for _ in range(steps):
            step(*next(kinds[kind]))
        times[turn, kind] = (perf_counter() - started) * 1000 / steps
    return times[1:]  # the first turn warms up


def _from_memory(make_batch: Callable[[int], Batch]) -> Iterator[Any]:
    import tensorflow as tf

    return itertools.cycle([tuple(map(tf.constant, make_batch(number))) for number in range(4)])


def _step(starter: recipe.Recipe) -> Any:
    import keras
    import tensorflow as tf

    from training.loop import untrained

    network = untrained(starter, starter.network)
    network.compile(optimizer=keras.optimizers.AdamW(1e-3))

    @tf.function
    def step(image: Any, sex: Any, months: Any, weight: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(weight * tf.abs(network([image, sex], training=True)[:, 0] - months))
        variables = network.trainable_variables
        network.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return lambda *batch: float(step(*batch))
