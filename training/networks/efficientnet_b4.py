"""EfficientNet-B4: narrow blocks that widen inside, weigh their channels and narrow again.

References
----------
Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019, arXiv:1905.11946: table 1,
scaled by 1.4 in width and 1.8 in depth for B4. Without the stochastic depth of its training: the recipe freezes it.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import layers

from training.networks.network import ANY_SHAPE, AS_PUBLISHED, BACKBONE, Pixels, Shape, channels, radiograph, scaled

_WIDTH, _DEPTH = 1.4, 1.8
_STEM, _TOP = 32, 1280
_SQUEEZED = 4  # channels of a block's input for each one that weighs them
_IMAGENET_GREY, _IMAGENET_SPREAD = 0.449, 0.226  # mean and standard deviation of ImageNet, averaged over the colours


class _Stage(NamedTuple):
    kernel: int
    repeats: int
    filters: int
    widening: int
    strides: int


_STAGES = (
    _Stage(3, 1, 16, 1, 1),
    _Stage(3, 2, 24, 6, 2),
    _Stage(5, 2, 40, 6, 2),
    _Stage(3, 3, 80, 6, 2),
    _Stage(5, 3, 112, 6, 1),
    _Stage(5, 4, 192, 6, 2),
    _Stage(3, 1, 320, 6, 1),
)


def build_backbone(shape: Shape = ANY_SHAPE, width: float = 1.0, pixels: Pixels = AS_PUBLISHED) -> keras.Model:
    """Build the convolutional part, from network input to feature map.

    Parameters
    ----------
    shape
        Of the input; rows and columns from 32 up.
    width
        Factor on every layer's number of channels. At 1 there are 17,672,952 parameters: the 17,673,823 of Keras
        without its top, less 7 of its normalisation of colours and 864 because the first convolution (3 x 3, 48
        channels) sees one channel and not three.
    pixels
        How grey values are seen; three channels have the published number of parameters.

    Returns
    -------
    keras.Model
        (n, rows, columns, 1) float32 in [0, 1] to (n, rows / 32, columns / 32, 1792 · width) float32.
    """
    factor = _WIDTH * width
    image = radiograph(shape)
    black, white = -_IMAGENET_GREY / _IMAGENET_SPREAD, (1 - _IMAGENET_GREY) / _IMAGENET_SPREAD
    x = scaled(image, pixels, (black, white))
    stem = layers.Conv2D(_filters(_STEM, factor), 3, strides=2, use_bias=False)
    x = _activated(_strided(x, stem, 3))
    for stage in _STAGES:
        for number in range(math.ceil(_DEPTH * stage.repeats)):
            x = _block(x, stage, _filters(stage.filters, factor), strides=1 if number else stage.strides)
    x = _activated(layers.Conv2D(_filters(_TOP, factor), 1, padding="same", use_bias=False)(x))
    return keras.Model(image, x, name=BACKBONE)


def _filters(published: int, factor: float) -> int:
    """Return the nearest multiple of 8, but not under nine tenths of what was asked for."""
    filters = channels(published, factor)
    return filters + 8 if filters < 0.9 * published * factor else filters


def _block(x: Any, stage: _Stage, filters: int, strides: int) -> Any:
    asked, inner = x, x.shape[-1] * stage.widening
    if stage.widening > 1:
        x = _activated(layers.Conv2D(inner, 1, padding="same", use_bias=False)(x))
    padding = "same" if strides == 1 else "valid"
    depthwise = layers.DepthwiseConv2D(stage.kernel, strides=strides, padding=padding, use_bias=False)
    x = _activated(depthwise(x) if strides == 1 else _strided(x, depthwise, stage.kernel))
    x = _weighed(x, max(1, asked.shape[-1] // _SQUEEZED))
    x = layers.BatchNormalization()(layers.Conv2D(filters, 1, padding="same", use_bias=False)(x))
    return layers.Add()([x, asked]) if strides == 1 and asked.shape[-1] == filters else x


def _weighed(x: Any, squeezed: int) -> Any:
    """Multiply each channel by what all of them say of it."""
    weights = layers.Reshape((1, 1, x.shape[-1]))(layers.GlobalAveragePooling2D()(x))
    weights = layers.Conv2D(squeezed, 1, activation="silu")(weights)
    return layers.Multiply()([x, layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(weights)])


def _strided(x: Any, layer: Any, kernel: int) -> Any:
    """Apply a strided convolution so that places are those of the published network for an even number of rows."""
    return layer(layers.ZeroPadding2D(((kernel // 2 - 1, kernel // 2),) * 2)(x))


def _activated(x: Any) -> Any:
    return layers.Activation("silu")(layers.BatchNormalization()(x))
