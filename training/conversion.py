"""Convert a bundle's exported function for OpenVINO: the same graph, in float32, tried beside TensorFlow's.

Before it: `training.export` has saved the function for TensorFlow. After it: `worker.engines.openvino` runs what this
wrote. OpenVINO knows few gradients, for it is made to answer and not to learn; those that Grad-CAM needs are given here
in operations that it knows.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from worker.bundle import OPENVINO, SAVED_MODEL
from worker.engines import Float32
from worker.engines.openvino import compiled, prepare_openvino

MAX_DIFFERENCE_MONTHS = 0.05
MIN_CORRELATION = 0.999  # of the heat maps


class ConversionError(Exception):
    """The function cannot be converted, or gives other answers then; the message says why."""


def convert(folder: Path) -> None:
    """Write the graph for OpenVINO beside TensorFlow's.

    Parameters
    ----------
    folder
        Of a bundle in the making, with the exported function in it.

    Raises
    ------
    ConversionError
        If OpenVINO is not installed, lacks an operation, or does not give what TensorFlow gives. Nothing is left then.
    """
    if find_spec("openvino") is None:
        raise ConversionError("OpenVINO is not installed; pip install carpus[training]")
    with tf.device("CPU:0"):  # where OpenVINO computes, too; a GPU rounds otherwise
        loaded = tf.saved_model.load(str(folder / SAVED_MODEL))
        assess = loaded.signatures["serving_default"]
        try:
            write(assess, folder / OPENVINO)
            _compare(assess, folder / OPENVINO)
        except Exception as error:  # OpenVINO's are of many kinds; a bundle without its graph is a whole one
            shutil.rmtree((folder / OPENVINO).parent, ignore_errors=True)
            raise ConversionError(_in_short(error)) from error


def write(assess: Any, model: Path) -> None:
    """Convert a function and write its graph, its weights beside it; nothing is compared.

    Parameters
    ----------
    assess
        A concrete function of TensorFlow with named inputs and outputs.
    model
        The ``.xml`` to write.
    """
    openvino = prepare_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.tensorflow import ConversionExtension
    from openvino.frontend.tensorflow.utils import create_tf_graph_iterator

    # Not by `openvino.convert_model`, which also stores each dense layer's weights a second time, transposed.
    front_end = FrontEndManager().load_by_framework("tf")
    for name, function in (("ReluGrad", _relu_gradient), ("ConcatOffset", _concatenation_offsets)):
        front_end.add_extension(ConversionExtension(name, function))
    graph = create_tf_graph_iterator(assess, None, None, None, True)  # kept by this name: OpenVINO does not keep it
    converted = front_end.convert(front_end.load(graph))
    model.parent.mkdir(exist_ok=True)
    openvino.save_model(converted, str(model), compress_to_fp16=False)


def _relu_gradient(node: Any) -> list[Any]:
    """Let the gradient through where the feature was above 0."""
    from openvino import opset13 as ops

    gradient, feature = node.get_input(0), node.get_input(1)
    zero = ops.convert_like(ops.constant(0.0, np.float32), feature)
    return [ops.multiply(gradient, ops.convert_like(ops.greater(feature, zero), gradient)).output(0)]


def _concatenation_offsets(node: Any) -> list[Any]:
    """Say where each of the joined begins: 0 along every axis, but along the joined one after those before it."""
    from openvino import opset13 as ops

    axis, *shapes = (node.get_input(number) for number in range(node.get_input_size()))
    rank = ops.squeeze(ops.shape_of(shapes[0], "i32"), ops.constant([0]))
    axes = ops.range(ops.constant(0, np.int32), rank, ops.constant(1, np.int32), "i32")
    is_joined = ops.convert_like(ops.equal(axes, axis), shapes[0])
    before, offsets = ops.subtract(shapes[0], shapes[0]), []
    for shape in shapes:
        offsets.append(ops.multiply(is_joined, before).output(0))
        before = ops.add(before, shape)
    return offsets


def _compare(assess: Any, model: Path) -> None:
    """Raise where both do not answer alike about noise, under either sex and without."""
    shape = assess.structured_input_signature[1]["image"].shape[1:]
    image = np.random.default_rng(0).random((3, *shape), np.float32)
    sex = np.array([1, 0, np.nan], np.float32)
    found = compiled(model)({"image": image, "sex": sex})
    for name, expected in assess(image=tf.constant(image), sex=tf.constant(sex)).items():
        _check(name, np.asarray(found[name]), expected.numpy())


def _check(name: str, found: Float32, expected: Float32) -> None:
    if found.shape != expected.shape or not np.array_equal(np.isfinite(found), np.isfinite(expected)):
        raise ConversionError(f"{name} has another shape than TensorFlow's, or is no number where that is one")
    is_known = np.isfinite(expected)
    if name == "heat_map":
        alike = min(correlation(one, other) for one, other in zip(found, expected, strict=True))
        if alike < MIN_CORRELATION:
            raise ConversionError(f"the heat map's correlation with TensorFlow's is {alike:.4f}")
    elif not np.allclose(found[is_known], expected[is_known], rtol=1e-3, atol=MAX_DIFFERENCE_MONTHS):
        raise ConversionError(f"{name} differs from TensorFlow's by {np.abs(found - expected)[is_known].max():.3g}")


def correlation(one: Float32, other: Float32) -> float:
    """Return Pearson's correlation of two heat maps of one size; 1 where both are flat."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float(np.allclose(one, other, rtol=1e-3, atol=1e-6))
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _in_short(error: Exception) -> str:
    """Return the part of OpenVINO's message that says what is missing, or the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("-- ")]
    return "; ".join(line.removeprefix("-- ") for line in telling) or (lines[-1] if lines else type(error).__name__)
