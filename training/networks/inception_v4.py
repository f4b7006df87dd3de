"""Inception-v4: branches of narrow and wide convolutions side by side, after the figures of its paper.

References
----------
Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, 2017,
doi:10.1609/aaai.v31i1.11231 (arXiv:1602.07261): figures 3 to 9. Numbers of channels stand as they do there.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from training.networks.network import ANY_SHAPE, AS_PUBLISHED, BACKBONE, Pixels, Shape, channels, radiograph, scaled

_BLOCKS_A, _BLOCKS_B, _BLOCKS_C = 4, 7, 3

Kernel = int | tuple[int, int]


def build_backbone(shape: Shape = ANY_SHAPE, width: float = 1.0, pixels: Pixels = AS_PUBLISHED) -> keras.Model:
    """Build the convolutional part, from network input to feature map.

    Parameters
    ----------
    shape
        Of the input; rows and columns from 75 up.
    width
        Factor on every layer's number of channels. At 1 there are 41,142,240 trainable parameters: the 42,679,816 of
        the network with its classifier of 1,537,000, less 576 because the first convolution (3 x 3, 32 channels) sees
        one channel and not three.
    pixels
        How grey values are seen; three channels have the published number of parameters.

    Returns
    -------
    keras.Model
        (n, rows, columns, 1) float32 in [0, 1] to (n, about rows / 32, about columns / 32, 1536 · width) float32 ≥ 0.
    """

    def convolution(x: Any, published: int, kernel: Kernel, strides: int = 1, padding: str = "same") -> Any:
        filters = channels(published, width)
        x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization()(x))

    image = radiograph(shape)
    x = _stem(convolution, scaled(image, pixels, (-1.0, 1.0)))
    for _ in range(_BLOCKS_A):
        x = _block_a(convolution, x)
    x = _reduction_a(convolution, x)
    for _ in range(_BLOCKS_B):
        x = _block_b(convolution, x)
    x = _reduction_b(convolution, x)
    for _ in range(_BLOCKS_C):
        x = _block_c(convolution, x)
    return keras.Model(image, x, name=BACKBONE)


Convolution = Callable[..., Any]


def _halved(x: Any) -> Any:
    return layers.MaxPooling2D(3, strides=2)(x)


def _averaged(x: Any) -> Any:
    return layers.AveragePooling2D(3, strides=1, padding="same")(x)


def _stem(convolution: Convolution, x: Any) -> Any:
    """Figure 3."""
    x = convolution(x, 32, 3, strides=2, padding="valid")
    x = convolution(x, 32, 3, padding="valid")
    x = convolution(x, 64, 3)
    x = layers.Concatenate()([_halved(x), convolution(x, 96, 3, strides=2, padding="valid")])
    left = convolution(convolution(x, 64, 1), 96, 3, padding="valid")
    right = convolution(convolution(convolution(x, 64, 1), 64, (7, 1)), 64, (1, 7))
    x = layers.Concatenate()([left, convolution(right, 96, 3, padding="valid")])
    return layers.Concatenate()([convolution(x, 192, 3, strides=2, padding="valid"), _halved(x)])


def _block_a(convolution: Convolution, x: Any) -> Any:
    """Figure 4."""
    branches = [
        convolution(_averaged(x), 96, 1),
        convolution(x, 96, 1),
        convolution(convolution(x, 64, 1), 96, 3),
        convolution(convolution(convolution(x, 64, 1), 96, 3), 96, 3),
    ]
    return layers.Concatenate()(branches)


def _block_b(convolution: Convolution, x: Any) -> Any:
    """Figure 5."""
    middle = convolution(convolution(convolution(x, 192, 1), 224, (1, 7)), 256, (7, 1))
    right = convolution(convolution(convolution(x, 192, 1), 192, (1, 7)), 224, (7, 1))
    right = convolution(convolution(right, 224, (1, 7)), 256, (7, 1))
    return layers.Concatenate()([convolution(_averaged(x), 128, 1), convolution(x, 384, 1), middle, right])


def _block_c(convolution: Convolution, x: Any) -> Any:
    """Figure 6."""
    middle = convolution(x, 384, 1)
    right = convolution(convolution(convolution(x, 384, 1), 448, (1, 3)), 512, (3, 1))
    branches = [
        convolution(_averaged(x), 256, 1),
        convolution(x, 256, 1),
        *(convolution(middle, 256, kernel) for kernel in ((1, 3), (3, 1))),
        *(convolution(right, 256, kernel) for kernel in ((3, 1), (1, 3))),
    ]
    return layers.Concatenate()(branches)


def _reduction_a(convolution: Convolution, x: Any) -> Any:
    """Figure 7, with k, l, m, n = 192, 224, 256, 384 (table 1)."""
    right = convolution(convolution(x, 192, 1), 224, 3)
    branches = [
        _halved(x),
        convolution(x, 384, 3, strides=2, padding="valid"),
        convolution(right, 256, 3, strides=2, padding="valid"),
    ]
    return layers.Concatenate()(branches)


def _reduction_b(convolution: Convolution, x: Any) -> Any:
    """Figure 8."""
    middle = convolution(convolution(x, 192, 1), 192, 3, strides=2, padding="valid")
    right = convolution(convolution(convolution(x, 256, 1), 256, (1, 7)), 320, (7, 1))
    return layers.Concatenate()([_halved(x), middle, convolution(right, 320, 3, strides=2, padding="valid")])
