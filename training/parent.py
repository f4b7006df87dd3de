"""The bundle that a run begins from, instead of initial weights.

Before it: `training.export` wrote the bundle. After it: `training.loop` begins with its weights.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from db.errors import PermanentError
from training.networks.network import members
from training.recipe import Recipe
from worker.bundle import NETWORK, Bundle

Weights = Sequence[npt.NDArray[Any]]


class ParentError(PermanentError):
    """A run cannot begin from a bundle; the message says what does not fit."""


def named(parent: Bundle) -> str:
    """Return a bundle's name and version, such as ``starter 0.1.1``."""
    return f"{parent.card.name} {parent.card.version}"


def weights_of(parent: Bundle, recipe: Recipe) -> list[Weights]:
    """Return the weights that the networks of a recipe begin with.

    Parameters
    ----------
    parent
        The bundle.
    recipe
        Of the run.

    Returns
    -------
    list
        For each of the recipe's networks, in their order, its weights as Keras has them.

    Raises
    ------
    ParentError
        When the bundle has other networks than the recipe.
    """
    found = {one.name: one for one in members(keras.saving.load_model(parent.folder / NETWORK, compile=False))}
    wanted = [network.architecture for network in recipe.networks]
    if sorted(found) != sorted(wanted):
        raise ParentError(
            f"{named(parent)} has the networks {', '.join(sorted(found))}, the recipe {', '.join(sorted(wanted))};"
            " begin from a bundle of the same recipe"
        )
    return [found[architecture].get_weights() for architecture in wanted]


def begin_with(network: keras.Model, weights: Weights) -> None:
    """Give a network the weights of a parent.

    Parameters
    ----------
    network
        Changed.
    weights
        From `weights_of`.

    Raises
    ------
    ParentError
        When they are of a network of another shape.
    """
    expected, received = ([np.shape(one) for one in some] for some in (network.weights, weights))
    if expected != received:
        differing = next((pair for pair in zip(expected, received, strict=False) if pair[0] != pair[1]), None)
        first = f"; the first that differs is {differing[1]}, expected {differing[0]}" if differing else ""
        raise ParentError(
            f"{network.name}: the recipe's network has {len(expected)} weights, its parent's {len(received)}{first};"
            " begin from a bundle of the same width and head"
        )
    network.set_weights(list(weights))
