"""A bundle small enough for tests: a narrow, shallow Xception at 64 px that has learned nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from worker.bundle import Bundle
from worker.card import Card, Metrics, TrainingData
from worker.preprocess import Preprocessing

# Keras 3.15 reads TensorFlow's variables in a way that NumPy 2 will one day refuse; both are theirs to settle.
KERAS_ON_NUMPY_2 = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)

ROWS = COLUMNS = 64
WIDTH = 0.0625


def card() -> Card:
    """Return a card that claims nothing and names no file."""
    return Card(
        name="narrow",
        version="0.0.1",
        network="xception",
        width=WIDTH,
        parameters=0,
        preprocessing=Preprocessing(rows=ROWS, columns=COLUMNS, value_percentiles=(0.5, 99.5)),
        takes_sex=True,
        target_unit="months",
        training_data=TrainingData(description="none", radiographs=0, digest="0" * 64, split_seed=0),
        metrics=Metrics.nothing(),
        intended_use="tests",
        limitations="has learned nothing",
        library_versions={},
        files={},
    )


def narrow_network() -> Any:
    """Build a network with one middle block instead of eight, and with always the same weights."""
    import keras

    from training.ingredients import HeadRecipe, NetworkRecipe, TargetRecipe
    from training.networks import xception
    from training.networks.build import build
    from training.networks.network import ANY_SHAPE

    keras.utils.set_random_seed(1)
    head = HeadRecipe(pooling="average", dense_units=(64, 64), takes_sex=True)
    target = TargetRecipe(unit="months", last_layer_months=127)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xception, "_MIDDLE_BLOCKS", 1)
        return build(NetworkRecipe(architecture="xception", width=WIDTH), head, target, ANY_SHAPE)


def export_narrow(folder: Path, extra: Sequence[Path] = ()) -> Bundle:
    """Export a narrow network."""
    from training.export import export

    return export(narrow_network(), card(), folder, extra)
