"""A network's time beside that of a float32 matrix product with as many operations, at this machine's best rate.

The product is what a processor does best; what a network takes beyond it went to convolutions of single channels, to
additions and to memory.
"""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from tests.bench.networks import SIDE_PX, starter_and_full_width
from training.conversion import write
from worker.bundle import NETWORK, OPENVINO, Bundle
from worker.engines.openvino import compiled
from worker.engines.tensorflow import prepare_tensorflow

PRODUCT_SIDES = (512, 1024, 2048)
ROUNDS, RUNS = 7, 5
BATCHES = (1, 8)


def measure() -> Table:
    """Time forward passes and products in turns and print medians."""
    prepare_tensorflow()
    columns = ("network", "radiographs", "operations, G", "network ms", "product ms", "network / product")
    table = Table(*columns, title="arithmetic")
    with tempfile.TemporaryDirectory() as folder:
        for network, made in starter_and_full_width(Path(folder)).items():
            operations, forward = _forward(made, Path(folder) / network.replace(" ", ""))
            for count in BATCHES:
                network_ms, product_ms = _medians_ms(forward, count, count * operations)
                figures = f"{count * operations / 1e9:.2f}", f"{network_ms:.1f}", f"{product_ms:.1f}"
                table.add_row(network, str(count), *figures, f"{network_ms / product_ms:.2f}")
    return table


def _forward(made: Bundle, folder: Path) -> tuple[int, Any]:
    """Return a forward pass that explains nothing: its operations for one radiograph, and how OpenVINO runs it."""
    import keras
    import tensorflow as tf

    network = keras.saving.load_model(made.folder / NETWORK, compile=False)
    of_one = [tf.TensorSpec(shape, tf.float32) for shape in ((1, SIDE_PX, SIDE_PX, 1), (1,))]
    signature = [
        tf.TensorSpec((None, SIDE_PX, SIDE_PX, 1), tf.float32, name="image"),
        tf.TensorSpec((None,), tf.float32, name="sex"),
    ]
    function = tf.function(lambda image, sex: {"bone_age_months": network([image, sex], training=False)})
    operations = _operations(function.get_concrete_function(*of_one).graph)
    module = tf.Module()
    module.network, module.forward = network, tf.function(function, input_signature=signature)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.forward})
    saved = tf.saved_model.load(str(folder))  # the signature alone does not keep its variables
    write(saved.signatures["serving_default"], folder / OPENVINO)
    return operations, compiled(folder / OPENVINO)


def _operations(graph: Any) -> int:
    """Return how many additions and multiplications a graph has, by TensorFlow's own count."""
    from tensorflow.compat.v1 import profiler

    wanted = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    return int(profiler.profile(graph, options=wanted).total_float_ops)


def _medians_ms(forward: Any, count: int, operations: int) -> tuple[float, float]:
    """Return the medians of a pass over so many radiographs, and of as many operations in a product."""
    inputs = {
        "image": np.random.default_rng(0).random((count, SIDE_PX, SIDE_PX, 1), np.float32),
        "sex": np.ones(count, np.float32),
    }
    pairs = [np.random.default_rng(0).random((2, side, side), np.float32) for side in PRODUCT_SIDES]
    network_ms, product_ms = [], []
    for _ in range(ROUNDS):
        network_ms.append(_ms(lambda: forward.infer_new_request(inputs)))
        product_ms.append(min(_product_ms(pair, operations) for pair in pairs))
    return statistics.median(network_ms), statistics.median(product_ms)


def _product_ms(pair: np.ndarray, operations: int) -> float:
    return _ms(lambda: pair[0] @ pair[1]) * operations / (2 * pair.shape[1] ** 3)


def _ms(do: Callable[[], object]) -> float:
    """Return the least milliseconds of a few runs, for whatever else the machine does only adds to them."""
    took = []
    for _ in range(RUNS):
        started = perf_counter()
        do()
        took.append(1000 * (perf_counter() - started))
    return min(took)
