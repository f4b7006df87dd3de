"""What all networks have in common: a backbone that sees, a head that answers, and how both are joined.

Before it: one architecture's backbone. After it: `training.fit` fits the network; `training.export` finds its two parts
by name, runs the backbone once and the head under both sexes. All that Grad-CAM needs lies between them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import layers

BACKBONE = "backbone"
HEAD = "head"
ENSEMBLE = "ensemble"

_RGB, _COLOUR_AXIS = 3, 2  # of a kernel (rows, columns, channels in, channels out)


class Shape(NamedTuple):
    """Rows and columns of a network input, px; None where a network takes any size."""

    rows: int | None
    columns: int | None


ANY_SHAPE = Shape(None, None)


class Pixels(NamedTuple):
    """How a backbone sees grey values: once or three times, and as which numbers black and white; None as published."""

    channels: int = 1
    value_range: tuple[float, float] | None = None


AS_PUBLISHED = Pixels()


def radiograph(shape: Shape) -> keras.KerasTensor:
    """Return a network's first input: ``image`` (n, rows, columns, 1) float32 in [0, 1], bone bright.

    Parameters
    ----------
    shape
        Of the input.
    """
    return keras.Input((*shape, 1), name="image")


def scaled(image: Any, pixels: Pixels, published: tuple[float, float]) -> Any:
    """Return grey values as a backbone's first convolution sees them.

    Parameters
    ----------
    image
        (n, rows, columns, 1) in [0, 1].
    pixels
        How.
    published
        What black and white are in the published network.

    Returns
    -------
    keras.KerasTensor
        (n, rows, columns, channels).
    """
    black, white = pixels.value_range or published
    x = image if (black, white) == (0.0, 1.0) else layers.Rescaling(scale=white - black, offset=black)(image)
    return x if pixels.channels == 1 else layers.Concatenate()([x] * pixels.channels)


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


def average(networks: Sequence[keras.Model]) -> keras.Model:
    """Join networks into one that gives the mean of their answers; one alone is returned as it is.

    Parameters
    ----------
    networks
        From `join`, of different architectures.
    """
    if len(networks) == 1:
        return networks[0]
    image, sex = (keras.Input(given.shape[1:], name=given.name) for given in networks[0].inputs)
    return keras.Model([image, sex], layers.Average()([one([image, sex]) for one in networks]), name=ENSEMBLE)


def members(network: keras.Model) -> list[keras.Model]:
    """Return the networks that one consists of: those that `average` joined, or itself."""
    if network.name != ENSEMBLE:
        return [network]
    return [layer for layer in network.layers if isinstance(layer, keras.Model)]


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
