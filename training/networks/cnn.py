"""Four blocks of convolution, batch normalisation and pooling, for bone ages or for stages.

References
----------
`cnn_128_regression` and `cnn_128_stages` among the systems that the recipes reproduce.
"""

import keras
from keras import layers

from training.networks.network import ANY_SHAPE, AS_PUBLISHED, BACKBONE, Pixels, Shape, channels, radiograph, scaled

_CHANNELS = (32, 64, 128, 256)


def build_backbone(shape: Shape = ANY_SHAPE, width: float = 1.0, pixels: Pixels = AS_PUBLISHED) -> keras.Model:
    """Build the convolutional part, from network input to feature map.

    Parameters
    ----------
    shape
        Of the input; rows and columns from 16 up.
    width
        Factor on every layer's number of channels. At 1 there are 388,800 trainable parameters with one input channel;
        the published three, all of the same grey values, would have 576 more.
    pixels
        How grey values are seen; three channels have the published number of parameters.

    Returns
    -------
    keras.Model
        (n, rows, columns, 1) float32 in [0, 1] to (n, rows / 16, columns / 16, 256 · width) float32.
    """
    image = radiograph(shape)
    x = scaled(image, pixels, (0.0, 1.0))
    for published in _CHANNELS:
        x = layers.Conv2D(channels(published, width), 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(layers.BatchNormalization()(x))
    return keras.Model(image, x, name=BACKBONE)
