"""Milliseconds of one radiograph on each engine: the whole function, and a forward pass that explains nothing."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from tests.bench.networks import SIDE_PX, starter_and_full_width
from training.conversion import write
from worker.bundle import NETWORK, OPENVINO, SAVED_MODEL, Bundle
from worker.engines import Float32
from worker.engines.openvino import compiled
from worker.engines.tensorflow import prepare_tensorflow

RUNS = 60

Ask = Callable[[Float32, Float32], object]


def measure() -> Table:
    """Time both engines on the starter and on a network of full width, in turns, and print medians."""
    prepare_tensorflow()
    table = Table("network", "engine", "forward ms", "whole ms", "whole / forward", "of TensorFlow", title="engines")
    with tempfile.TemporaryDirectory() as folder:
        for network, made in starter_and_full_width(Path(folder)).items():
            asked = _functions(made, Path(folder) / made.card.name)
            took = _medians_ms(asked)
            for engine in ("tensorflow", "openvino"):
                forward, whole = took[engine, "forward"], took[engine, "whole"]
                ratios = f"{whole / forward:.2f}", f"{whole / took['tensorflow', 'whole']:.2f}"
                table.add_row(network, engine, f"{forward:.1f}", f"{whole:.1f}", *ratios)
    return table


def _functions(made: Bundle, folder: Path) -> dict[tuple[str, str], Ask]:
    """Return what each engine can be asked, by its name and how much of the function that is."""
    import keras
    import tensorflow as tf

    network = keras.saving.load_model(made.folder / NETWORK, compile=False)
    signature = [
        tf.TensorSpec((None, SIDE_PX, SIDE_PX, 1), tf.float32, name="image"),
        tf.TensorSpec((None,), tf.float32, name="sex"),
    ]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def forward(image: Any, sex: Any) -> dict[str, Any]:
        return {"bone_age_months": network([image, sex], training=False)}

    # A model in a function is traced with its variables; naming the function's module keeps them.
    module = tf.Module()
    module.network, module.forward = network, forward
    tf.saved_model.save(module, str(folder), signatures={"serving_default": forward})
    saved = [tf.saved_model.load(str(path)) for path in (folder, made.folder / SAVED_MODEL)]
    write(saved[0].signatures["serving_default"], folder / OPENVINO)
    asked: dict[tuple[str, str], Ask] = {}
    for part, loaded, model in zip(
        ("forward", "whole"), saved, (folder / OPENVINO, made.folder / OPENVINO), strict=True
    ):
        asked["tensorflow", part] = _asking_tensorflow(loaded)
        asked["openvino", part] = _asking_openvino(compiled(model))
    return asked


def _asking_tensorflow(loaded: Any) -> Ask:
    assess = loaded.signatures["serving_default"]

    def ask(image: Float32, sex: Float32) -> object:
        assert loaded is not None  # its variables live as long
        return [output.numpy() for output in assess(image=image, sex=sex).values()]

    return ask


def _asking_openvino(model: Any) -> Ask:
    return lambda image, sex: model.infer_new_request({"image": image, "sex": sex})


def _medians_ms(asked: dict[tuple[str, str], Ask]) -> dict[tuple[str, str], float]:
    """Return the median of each, asked in turns, so that what else the machine does falls on all alike."""
    image, sex = np.random.default_rng(0).random((1, SIDE_PX, SIDE_PX, 1), np.float32), np.ones(1, np.float32)
    took: dict[tuple[str, str], list[float]] = {key: [] for key in asked}
    for number in range(RUNS + 5):
        for key, ask in asked.items():
            start = time.perf_counter()
            ask(image, sex)
            if number >= 5:  # warm
                took[key].append(1000 * (time.perf_counter() - start))
    return {key: statistics.median(values) for key, values in took.items()}
