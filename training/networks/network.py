"""What all networks have in common: a backbone that sees, a head that answers, and how both are joined.

Before it: one architecture's backbone. After it: `training.fit` fits the network; `training.export` finds its two parts
by name, runs the backbone once and the head under both sexes. All that Grad-CAM needs lies between them.
"""

from typing import Any, NamedTuple

import keras
from keras import layers

BACKBONE = "backbone"
HEAD = "head"

_RGB, _COLOUR_AXIS = 3, 2  # of a kernel (rows, columns, channels in, channels out)


class Shape(NamedTuple):
    """Rows and columns of a network input, px; None where a network takes any size."""

    rows: int | None
    columns: int | None


ANY_SHAPE = Shape(None, None)


def radiograph(shape: Shape) -> keras.KerasTensor:
    """Return a network's first input: ``image`` (n, rows, columns, 1) float32 in [0, 1], bone bright.

    Parameters
    ----------
    shape
        Of the input.
    """
    return keras.Input((*shape, 1), name="image")


def join(name: str, backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Join a backbone and a head.

    Parameters
    ----------
    name
        Of the architecture.
    backbone
        (n, rows, columns, 1) to a feature map (n, h, w, c).
    head
        Feature map and, for a network that is told the sex, sex (n,), to its answer (n, k).

    Returns
    -------
    keras.Model
        Takes ``image`` (n, rows, columns, 1) float32 in [0, 1], bone bright, and ``sex`` (n,) float32, 1 male and 0
        female, which a network that is not told the sex does not look at; gives what the head gives.
    """
    image = radiograph(Shape(*backbone.input_shape[1:3]))
    sex = keras.Input((), name="sex")
    feature_map = backbone(image)
    return keras.Model([image, sex], head([feature_map, sex]), name=name)


def channels(published: int, width: float) -> int:
    """Return the number of channels at a width: a multiple of 8, which processors like, and at least 8.

    Parameters
    ----------
    published
        Number of channels in the published network, a multiple of 8.
    width
        Factor, above 0.

    Returns
    -------
    int
        The nearest multiple of 8 to published · width, from 8 up.
    """
    return max(8, round(published * width / 8) * 8)


def copy_weights(source: keras.Model, backbone: keras.Model) -> None:
    """Copy weights layer by layer in the order of a forward pass; a first layer for colour is summed up to one channel.

    Grey values repeated three times and a convolution of three channels give what the sum of its channels gives.

    Parameters
    ----------
    source
        The same network as somebody else wrote it, with colour input.
    backbone
        Ours; it is changed.

    Raises
    ------
    ValueError
        When the two do not have the same layers.
    """
    givers, takers = _weighted(source), _weighted(backbone)
    if len(givers) != len(takers):
        raise ValueError(f"{source.name} has {len(givers)} layers with weights, {backbone.name} has {len(takers)}")
    for giver, taker in zip(givers, takers, strict=True):
        values = giver.get_weights()
        kernel, wanted = values[0].shape, taker.get_weights()[0].shape
        if len(kernel) == len(wanted) > _COLOUR_AXIS and (kernel[_COLOUR_AXIS], wanted[_COLOUR_AXIS]) == (_RGB, 1):
            values[0] = values[0].sum(axis=_COLOUR_AXIS, keepdims=True)
        taker.set_weights(values)


def _weighted(model: keras.Model) -> list[Any]:
    """Return the layers that learn; how Keras' networks normalise colours is none of them."""
    return [layer for layer in model.layers if layer.weights and not isinstance(layer, layers.Normalization)]
