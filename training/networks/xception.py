"""Xception: convolutions that look at each channel by itself, then at each place by itself.

References
----------
Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2017, doi:10.1109/CVPR.2017.195.
"""

from typing import Any

import keras
from keras import layers

from training.networks.network import ANY_SHAPE, AS_PUBLISHED, BACKBONE, Pixels, Shape, channels, radiograph, scaled

_MIDDLE_BLOCKS = 8


def build_backbone(shape: Shape = ANY_SHAPE, width: float = 1.0, pixels: Pixels = AS_PUBLISHED) -> keras.Model:
    """Build the convolutional part, from network input to feature map.

    Parameters
    ----------
    shape
        Of the input; rows and columns from 64 up.
    width
        Factor on every layer's number of channels. At 1 there are 20,860,904 parameters: the published 20,861,480
        without its top, less 576 because the first convolution (3 x 3, 32 channels) sees one channel and not three.
    pixels
        How grey values are seen; three channels have the published number of parameters.

    Returns
    -------
    keras.Model
        (n, rows, columns, 1) float32 in [0, 1] to (n, rows / 32, columns / 32, 2048 · width) float32 ≥ 0.
    """
    image = radiograph(shape)
    x = scaled(image, pixels, (-1.0, 1.0))
    x = _convolution(x, channels(32, width), strides=2)
    x = _convolution(x, channels(64, width))
    x = _narrowing_block(x, channels(128, width), channels(128, width), starts_with_relu=False)  # it follows a ReLU
    x = _narrowing_block(x, channels(256, width), channels(256, width))
    x = _narrowing_block(x, channels(728, width), channels(728, width))
    for _ in range(_MIDDLE_BLOCKS):
        x = _middle_block(x, channels(728, width))
    x = _narrowing_block(x, channels(728, width), channels(1024, width))
    for published in (1536, 2048):
        x = layers.ReLU()(_separable(x, channels(published, width)))
    return keras.Model(image, x, name=BACKBONE)


def _convolution(x: Any, filters: int, strides: int = 1) -> Any:
    x = layers.Conv2D(filters, 3, strides=strides, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def _separable(x: Any, filters: int) -> Any:
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _narrowing_block(x: Any, inner: int, filters: int, *, starts_with_relu: bool = True) -> Any:
    """Halve rows and columns; the shortcut is a strided 1 x 1 convolution."""
    shortcut = layers.BatchNormalization()(layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x))
    if starts_with_relu:
        x = layers.ReLU()(x)
    x = _separable(x, inner)
    x = _separable(layers.ReLU()(x), filters)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    return layers.Add()([x, shortcut])


def _middle_block(x: Any, filters: int) -> Any:
    shortcut = x
    for _ in range(3):
        x = _separable(layers.ReLU()(x), filters)
    return layers.Add()([x, shortcut])
