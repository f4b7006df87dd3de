"""Networks as recipes name them: a backbone with its initial weights, and a head.

Before it: `training.recipe`. After it: `training.fit`.
"""

import importlib

import keras

from training.ingredients import HeadRecipe, NetworkRecipe, TargetRecipe
from training.networks import head
from training.networks.network import Pixels, Shape, copy_weights, join
from training.recipe import RecipeError

_NAMES_IN_KERAS = {"xception": "Xception", "resnet50": "ResNet50", "efficientnet_b4": "EfficientNetB4"}


def build(network: NetworkRecipe, answering: HeadRecipe, target: TargetRecipe, shape: Shape) -> keras.Model:
    """Build a network.

    Parameters
    ----------
    network
        Its backbone.
    answering
        Its head.
    target
        What the head's last layer gives.
    shape
        Of its input, px; what is fully convolutional can be built for any size.

    Returns
    -------
    keras.Model
        As `training.networks.network.join` returns it.

    Raises
    ------
    RecipeError
        When initial weights are asked for that cannot be had or do not fit.
    """
    architecture = importlib.import_module(f"training.networks.{network.architecture}")
    pixels = Pixels(network.channels, network.value_range)
    backbone = architecture.build_backbone(shape, network.width, pixels)
    if network.weights != "none":
        _copy_initial(network.architecture, network.weights, backbone)
    backbone.trainable = not network.is_frozen
    if network.normalisation_momentum is not None:
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = network.normalisation_momentum
    return join(network.architecture, backbone, head.build(answering, backbone.output_shape, target))


def from_keras(architecture: str, weights: str | None) -> keras.Model:
    """Return a backbone as Keras has it, for colour and without a top, with its weights.

    Parameters
    ----------
    architecture
        One of those that Keras has.
    weights
        ``imagenet``, which are downloaded, the path of a file of them without a top, or None for random ones.
    """
    make = getattr(keras.applications, _NAMES_IN_KERAS[architecture])
    return make(weights=weights, include_top=False)


def _copy_initial(architecture: str, weights: str, backbone: keras.Model) -> None:
    try:
        copy_weights(from_keras(architecture, weights), backbone)
    except Exception as error:  # Keras tells of a download that failed by a plain Exception
        words = "expected none, imagenet (downloaded) or the path of weights without a top, for a width of 1"
        raise RecipeError(f"network.weights: {weights} of {architecture} cannot be used ({error}); {words}") from error
