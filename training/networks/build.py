"""Networks as recipes name them: a backbone with its initial weights, and a head.

Before it: `training.recipe`. After it: `training.fit`.
"""

import importlib
from types import ModuleType

import keras

from training.networks import head
from training.networks.network import Shape, copy_weights, join
from training.recipe import HeadRecipe, NetworkRecipe, RecipeError


def build(network: NetworkRecipe, answering: HeadRecipe, shape: Shape) -> keras.Model:
    """Build a network.

    Parameters
    ----------
    network
        Its backbone.
    answering
        Its head.
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
    backbone = architecture.build_backbone(shape, network.width)
    if network.weights != "none":
        _copy_initial(architecture, network.weights, backbone)
    backbone.trainable = not network.is_frozen
    return join(network.architecture, backbone, head.build(answering, backbone.output_shape))


def _copy_initial(architecture: ModuleType, weights: str, backbone: keras.Model) -> None:
    name = architecture.__name__.rpartition(".")[-1]
    if not hasattr(architecture, "from_keras"):
        raise RecipeError(f"network.weights: nobody publishes ImageNet weights of {name} for Keras; expected none")
    try:
        copy_weights(architecture.from_keras(weights), backbone)
    except Exception as error:  # Keras tells of a download that failed by a plain Exception
        words = "expected none, imagenet (downloaded) or the path of weights without a top, for a width of 1"
        raise RecipeError(f"network.weights: {weights} of {name} cannot be used ({error}); {words}") from error
