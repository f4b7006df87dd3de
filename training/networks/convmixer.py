"""ConvMixer: patches, mixed over places by wide depthwise convolutions and over channels by pointwise ones.

References
----------
Trockman and Kolter, Patches Are All You Need?, 2022, arXiv:2201.09792: ConvMixer-768/32, with patches and kernels of 7
px and ReLU (table 1).
"""

from typing import Any

import keras
from keras import layers

from training.networks.network import ANY_SHAPE, AS_PUBLISHED, BACKBONE, Pixels, Shape, channels, radiograph, scaled

_CHANNELS, _DEPTH = 768, 32
_PATCH_PX, _KERNEL = 7, 7


def build_backbone(shape: Shape = ANY_SHAPE, width: float = 1.0, pixels: Pixels = AS_PUBLISHED) -> keras.Model:
    """Build the convolutional part, from network input to feature map.

    Parameters
    ----------
    shape
        Of the input; rows and columns from 7 up, and what is over a multiple of 7 is not seen.
    width
        Factor on every layer's number of channels. At 1 there are 20,265,984 trainable parameters: the published
        21,110,248 without its classifier of 769,000, less 75,264 because the patches (7 x 7, 768 channels) have one
        channel and not three.
    pixels
        How grey values are seen; three channels have the published number of parameters.

    Returns
    -------
    keras.Model
        (n, rows, columns, 1) float32 in [0, 1] to (n, rows / 7, columns / 7, 768 · width) float32.
    """
    image = radiograph(shape)
    x = scaled(image, pixels, (-1.0, 1.0))
    x = _activated(layers.Conv2D(channels(_CHANNELS, width), _PATCH_PX, strides=_PATCH_PX)(x))
    for _ in range(_DEPTH):
        x = _block(x)
    return keras.Model(image, x, name=BACKBONE)


def _block(x: Any) -> Any:
    mixed = layers.Add()([x, _activated(layers.DepthwiseConv2D(_KERNEL, padding="same")(x))])
    return _activated(layers.Conv2D(x.shape[-1], 1)(mixed))


def _activated(x: Any) -> Any:
    return layers.BatchNormalization()(layers.ReLU()(x))
