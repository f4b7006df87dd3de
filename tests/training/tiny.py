"""Recipes so small that a test can fit them: narrow and shallow networks, small pictures, a few eager steps."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tensorflow as tf

from training import cache, recipe
from training.batches import Labelled
from training.cases import Part
from training.fit import Data
from training.networks import convmixer, efficientnet_b4, inception_v4, resnet50, xception
from training.recipe import Recipe
from training.sources.phantoms import Drawn

SIDE_PX = 80


IS_FULL = os.environ.get("RECIPES") == "full"  # of `make recipes`


@contextmanager
def shallow_and_eager() -> Iterator[None]:
    """Leave out what networks repeat, and step without compiling."""
    if IS_FULL:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xception, "_MIDDLE_BLOCKS", 1)
        patch.setattr(resnet50, "_STAGES", tuple((channels, 1) for channels, _ in resnet50._STAGES))
        for blocks in ("_BLOCKS_A", "_BLOCKS_B", "_BLOCKS_C"):
            patch.setattr(inception_v4, blocks, 1)
        patch.setattr(efficientnet_b4, "_DEPTH", 0.3)
        patch.setattr(convmixer, "_DEPTH", 2)
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)


def tiny(name: str, *changes: str) -> Recipe:
    """Return a recipe, tiny, and without weights to download."""
    count = len(recipe.load(name).companions)
    networks = ["network", *(f"companions.{number}" for number in range(count))]
    small = [f"{network}.width=0.0625" for network in networks]
    small += [f"preprocessing.{side}={SIDE_PX}" for side in ("rows", "columns")]
    without_weights = [f"{network}.weights='none'" for network in networks]
    return recipe.load(
        name, [*without_weights, *([] if IS_FULL else small), "fit.phases=[{epochs=1}]", "fit.batch_size=2", *changes]
    )


def data(hands: int = 2) -> Data:
    """Return so many drawn hands for each part."""
    source = Drawn(hands)
    parts = source.parts({}, 0, dict.fromkeys(Part, hands))
    return Data(parts, source.description, source.are_radiographs)


def labelled(wanted: Recipe, hands: int, folder: Path) -> tuple[Labelled, Labelled]:
    """Return so many hands to learn from, and as many for validation."""
    parts = data(hands).parts
    learned, watched = (
        Labelled(cache.images(parts[part], wanted.preprocessing, folder / "cache", processes=1), parts[part])
        for part in (Part.TRAINING, Part.VALIDATION)
    )
    return learned, watched
