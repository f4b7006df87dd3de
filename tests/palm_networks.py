"""Palm detectors small enough for tests, as TFLite and as ONNX: each sees a palm where the picture is bright.

The logit of an anchor is 20 times the mean grey of its cell, less 10; all anchors of a stride have the same regressors.
"""

from pathlib import Path

import numpy as np

from worker.palm import ANCHORS_PER_CELL, INPUT_PIXELS, REGRESSORS

# In px from the anchor: centre, size, then seven landmarks: the wrist 20 px below, the middle finger 20 above.
PALM = [4.0, -8.0, 40.0, 32.0, 0, 20, 0, 0, 0, -20, *[0] * 8]
SLOPE, OFFSET = 20.0, -10.0


def write_tflite(path: Path) -> None:
    """Build the network by Keras and convert it."""
    import keras
    import tensorflow as tf

    picture = keras.Input(batch_shape=(1, INPUT_PIXELS, INPUT_PIXELS, 3))
    outputs: tuple[list[keras.KerasTensor], list[keras.KerasTensor]] = [], []
    for stride, count in ANCHORS_PER_CELL:
        means = keras.layers.AveragePooling2D(stride)(picture)
        for values, weight, bias, parts in (
            (REGRESSORS, 0.0, PALM * count, outputs[0]),
            (1, SLOPE / 3, [OFFSET] * count, outputs[1]),
        ):
            layer = keras.layers.Conv2D(values * count, 1)
            answer = layer(means)
            layer.set_weights([np.full(layer.kernel.shape, weight), np.array(bias)])
            parts.append(keras.layers.Reshape((-1, values))(answer))
    joined = [keras.layers.Concatenate(axis=1)(parts) for parts in outputs]
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(keras.Model(picture, joined)).convert())


def write_onnx(path: Path) -> None:
    """Write the network's protocol buffer, field by field: numbers as in onnx.proto."""
    nodes, constants = [_node("Transpose", ["picture"], "planes", perm=[0, 3, 1, 2])], []
    parts: dict[str, list[str]] = {"regressors": [], "logits": []}
    for stride, count in ANCHORS_PER_CELL:
        means = f"means_{stride}"
        nodes.append(_node("AveragePool", ["planes"], means, kernel_shape=[stride] * 2, strides=[stride] * 2))
        for output, values, weight, bias in (
            ("regressors", REGRESSORS, 0.0, PALM * count),
            ("logits", 1, SLOPE / 3, [OFFSET] * count),
        ):
            name = f"{output}_{stride}"
            constants += [
                _tensor(f"{name}_w", np.full((values * count, 3, 1, 1), weight, np.float32)),
                _tensor(f"{name}_b", np.array(bias, np.float32)),
                _tensor(f"{name}_shape", np.array([1, -1, values], np.int64)),
            ]
            nodes.append(_node("Conv", [means, f"{name}_w", f"{name}_b"], f"{name}_c", kernel_shape=[1, 1]))
            nodes.append(_node("Transpose", [f"{name}_c"], f"{name}_t", perm=[0, 2, 3, 1]))
            nodes.append(_node("Reshape", [f"{name}_t", f"{name}_shape"], name))
            parts[output].append(name)
    nodes += [_node("Concat", names, output, axis=1) for output, names in parts.items()]
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"palm") + b"".join(_field(5, c) for c in constants)
    graph += _field(11, _value("picture", (1, INPUT_PIXELS, INPUT_PIXELS, 3)))
    graph += _field(12, _value("regressors", (1, 2016, REGRESSORS))) + _field(12, _value("logits", (1, 2016, 1)))
    path.write_bytes(_number(1, 8) + _field(7, graph) + _field(8, _number(2, 13)))  # opset 13


def _varint(number: int) -> bytes:
    head = bytearray()
    while number > 0x7F:
        head.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*head, number])


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _node(operator: str, inputs: list[str], output: str, **attributes: int | list[int]) -> bytes:
    node = b"".join(_field(1, name.encode()) for name in inputs)
    node += _field(2, output.encode()) + _field(3, output.encode()) + _field(4, operator.encode())
    for name, value in attributes.items():
        numbers = value if isinstance(value, list) else [value]
        field, kind = (8, 7) if isinstance(value, list) else (3, 2)
        node += _field(5, _field(1, name.encode()) + b"".join(_number(field, n) for n in numbers) + _number(20, kind))
    return node


def _tensor(name: str, values: np.ndarray) -> bytes:
    kind = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}[values.dtype]
    shape = b"".join(_number(1, size) for size in values.shape)
    return shape + _number(2, kind) + _field(8, name.encode()) + _field(9, values.tobytes())


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(_field(1, _number(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, 1) + _field(2, dimensions)))
