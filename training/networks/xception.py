"""Xception for bone age: a backbone that sees the radiograph and a head that also knows the sex.

Before it: `worker.preprocess` makes the network input. After it: `training.fit` fits the network and `training.export`
runs the backbone once and the head under both sexes. The two are therefore separate layers of the network, found by
name, and everything that Grad-CAM needs lies between them.

References
----------
Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2017, doi:10.1109/CVPR.2017.195.
Halabi et al., The RSNA Pediatric Bone Age Machine Learning Challenge, 2019, doi:10.1148/radiol.2018180736: the winner
joins 32 features of sex to the pooled image features, followed by two dense layers of 1,000.
"""

from typing import Any

import keras
from keras import layers

BACKBONE = "backbone"
HEAD = "head"

_MIDDLE_BLOCKS = 8
_SEX_FEATURES = 32
_DENSE_UNITS = 1000

# The mean of the RSNA training ages (Halabi et al.), so that the last layer works with numbers near one. Nothing is
# added: the head counts from birth, so that maturity is what the features speak for, and Grad-CAM, which keeps only
# what speaks for a greater age, shows something on a young hand too.
_MONTHS_PER_UNIT = 127.0


def build(width: float) -> keras.Model:
    """Build the network from a radiograph and the sex to a bone age.

    Parameters
    ----------
    width
        Factor on every layer's number of channels, above 0; 1 is the published network.

    Returns
    -------
    keras.Model
        Takes ``image`` (n, rows, columns, 1) float32 in [0, 1], bone bright, rows and columns from 64 up, and ``sex``
        (n,) float32, 1 male and 0 female; gives the bone age (n, 1) float32 in months. Its layers `BACKBONE` and `HEAD`
        can be called on their own.
    """
    image = keras.Input((None, None, 1), name="image")
    sex = keras.Input((), name="sex")
    backbone = build_backbone(width)
    features = layers.GlobalAveragePooling2D(name="pool")(backbone(image))
    head = build_head(features.shape[-1], units=channels(_DENSE_UNITS, width))
    return keras.Model([image, sex], head([features, sex]), name="xception")


def build_backbone(width: float) -> keras.Model:
    """Build the convolutional part, from network input to feature map.

    Parameters
    ----------
    width
        Factor on every layer's number of channels. At 1 there are 20,860,904 parameters: the published 20,861,480
        without its top, less 576 because the first convolution (3 x 3, 32 channels) sees one channel and not three.

    Returns
    -------
    keras.Model
        (n, rows, columns, 1) float32 in [0, 1] to (n, rows / 32, columns / 32, 2048 · width) float32 ≥ 0.
    """
    image = keras.Input((None, None, 1), name="image")
    x = layers.Rescaling(scale=2.0, offset=-1.0)(image)  # [0, 1] to the [-1, 1] of the published network
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


def build_head(features: int, units: int) -> keras.Model:
    """Build the regression part, from pooled features and sex to months.

    Parameters
    ----------
    features
        Number of pooled features.
    units
        Width of each of the two dense layers.

    Returns
    -------
    keras.Model
        (n, features) float32 and sex (n,) float32, 1 male and 0 female, to the bone age (n, 1) float32 in months.
    """
    pooled = keras.Input((features,), name="features")
    sex = keras.Input((), name="sex")
    sex_features = layers.Dense(_SEX_FEATURES, activation="relu")(layers.Reshape((1,))(sex))
    x = layers.Concatenate()([pooled, sex_features])
    for _ in range(2):
        x = layers.Dense(units, activation="relu")(x)
    months = layers.Rescaling(scale=_MONTHS_PER_UNIT)(layers.Dense(1)(x))
    return keras.Model([pooled, sex], months, name=HEAD)


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
