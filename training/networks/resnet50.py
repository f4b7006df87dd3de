"""ResNet-50: bottlenecks whose answers are added to what they were asked.

References
----------
He et al., Deep Residual Learning for Image Recognition, 2016, doi:10.1109/CVPR.2016.90. Convolutions with biases, and
the stride in a bottleneck's first, as the ImageNet weights of Keras have them.
"""

from typing import Any

import keras
from keras import layers

from training.networks.network import ANY_SHAPE, AS_PUBLISHED, BACKBONE, Pixels, Shape, channels, radiograph, scaled

_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))  # channels and bottlenecks
_WIDENING = 4
_EPSILON = 1.001e-5
_IMAGENET_GREY = 114.8  # mean of the three means, 103.939, 116.779 and 123.68, that Keras' weights were trained with


def build_backbone(shape: Shape = ANY_SHAPE, width: float = 1.0, pixels: Pixels = AS_PUBLISHED) -> keras.Model:
    """Build the convolutional part, from network input to feature map.

    Parameters
    ----------
    shape
        Of the input; rows and columns from 32 up.
    width
        Factor on every layer's number of channels. At 1 there are 23,581,440 parameters: the 23,587,712 of Keras
        without its top, less 6,272 because the first convolution (7 x 7, 64 channels) sees one channel and not three.
    pixels
        How grey values are seen; three channels have the published number of parameters.

    Returns
    -------
    keras.Model
        (n, rows, columns, 1) float32 in [0, 1] to (n, rows / 32, columns / 32, 2048 · width) float32 ≥ 0.
    """
    image = radiograph(shape)
    x = scaled(image, pixels, (-_IMAGENET_GREY, 255.0 - _IMAGENET_GREY))
    x = layers.Conv2D(channels(64, width), 7, strides=2)(layers.ZeroPadding2D(3)(x))
    x = layers.ReLU()(_normalised(x))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for stage, (published, bottlenecks) in enumerate(_STAGES):
        for number in range(bottlenecks):
            x = _bottleneck(
                x, channels(published, width), strides=2 if stage and not number else 1, is_first=not number
            )
    return keras.Model(image, x, name=BACKBONE)


def _bottleneck(x: Any, filters: int, strides: int, *, is_first: bool) -> Any:
    shortcut = x
    if is_first:
        shortcut = _normalised(layers.Conv2D(_WIDENING * filters, 1, strides=strides)(x))
    x = layers.ReLU()(_normalised(layers.Conv2D(filters, 1, strides=strides)(x)))
    x = layers.ReLU()(_normalised(layers.Conv2D(filters, 3, padding="same")(x)))
    x = _normalised(layers.Conv2D(_WIDENING * filters, 1)(x))
    return layers.ReLU()(layers.Add()([shortcut, x]))


def _normalised(x: Any) -> Any:
    return layers.BatchNormalization(epsilon=_EPSILON)(x)
