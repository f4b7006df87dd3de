"""Three convolutions with pooling: as little as has been published with a number beside it.

References
----------
`shallow_320` among the systems that the recipes reproduce. Published are "a few" layers and 42 MB; these, flattened
into its dense layers and kept with Adam's two moments, are 39.6 MB.
"""

import keras
from keras import layers

from training.networks.network import ANY_SHAPE, AS_PUBLISHED, BACKBONE, Pixels, Shape, channels, radiograph, scaled

_CHANNELS = (16, 32, 64)


def build_backbone(shape: Shape = ANY_SHAPE, width: float = 1.0, pixels: Pixels = AS_PUBLISHED) -> keras.Model:
    """Build the convolutional part, from network input to feature map.

    Parameters
    ----------
    shape
        Of the input; rows and columns from 8 up.
    width
        Factor on every layer's number of channels. At 1 there are 23,296 parameters.
    pixels
        How grey values are seen; three channels have the published number of parameters.

    Returns
    -------
    keras.Model
        (n, rows, columns, 1) float32 in [0, 1] to (n, rows / 8, columns / 8, 64 · width) float32 ≥ 0.
    """
    image = radiograph(shape)
    x = scaled(image, pixels, (0.0, 1.0))
    for published in _CHANNELS:
        x = layers.Conv2D(channels(published, width), 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return keras.Model(image, x, name=BACKBONE)
