"""The whole of a training run, tiny: networks narrow, at 64 px, stepping eagerly."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.narrow_bundle import COLUMNS, KERAS_ON_NUMPY_2, ROWS, WIDTH
from training import dataset, fit, recipe
from training.dataset import Split
from training.networks import xception
from training.recipe import FitRecipe, NetworkRecipe, PhantomRecipe, Phase, Recipe
from worker import bundle
from worker.engines import tensorflow
from worker.preprocess import Preprocessing

pytestmark = [
    KERAS_ON_NUMPY_2,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]


WHOLE_EPOCH = fit.Epoch


@pytest.fixture(autouse=True)
def _eager_steps_of_a_shallow_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(xception, "_MIDDLE_BLOCKS", 1)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def tiny() -> Recipe:
    changes = {
        "name": "tiny",
        "network": NetworkRecipe(architecture="xception", width=WIDTH),
        "preprocessing": Preprocessing(rows=ROWS * 2, columns=COLUMNS * 2, value_percentiles=(0.5, 99.5)),
        "phantoms": PhantomRecipe(training=2, validation=1, held_out=3),
        "fit": FitRecipe(
            seed=1,
            batch_size=2,
            learning_rate=1e-3,
            weight_decay=1e-4,
            warm_up_epochs=0.5,
            phases=(Phase(epochs=1, shrink=2), Phase(epochs=1, shrink=1)),
        ),
    }
    return recipe.load("starter").model_copy(update=changes)


@pytest.fixture
def training_data(tiny: Recipe, tmp_path: Path) -> tuple[np.ndarray, list[dataset.Subject]]:
    hands = dataset.subjects(Split.TRAINING, 4)
    return dataset.images(hands, tiny.preprocessing, tmp_path / "cache", processes=1), hands


def test_a_run_ends_in_a_bundle_that_an_engine_reads(tiny: Recipe, tmp_path: Path) -> None:
    made = fit.fit(tiny, tmp_path / "models" / "tiny", tmp_path / "work", processes=1)
    assert bundle.load(made.folder) == made
    assert made.card.metrics.overall.radiographs == 3
    assert made.card.training_data.radiographs == 2
    predictions = tensorflow.load(made).predict(np.zeros((1, 128, 128, 1), np.float32), np.zeros(1, np.float32))
    assert np.isfinite(predictions.bone_age_months).all()


def test_an_interrupted_run_ends_in_the_same_weights(
    tiny: Recipe,
    training_data: tuple[np.ndarray, list[dataset.Subject]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one_step = training_data[0][:2], training_data[1][:2]
    whole = fit.fit_network(tiny, one_step, one_step, tmp_path / "whole.keras")
    with monkeypatch.context() as patch:
        patch.setattr(fit, "Epoch", interrupted_in_second)
        with pytest.raises(KeyboardInterrupt):
            fit.fit_network(tiny, one_step, one_step, tmp_path / "resumed.keras")
    keras.utils.set_random_seed(99)  # another process
    resumed = fit.fit_network(tiny, one_step, one_step, tmp_path / "resumed.keras")
    assert int(resumed.optimizer.iterations) == 2
    for found, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_an_epoch_shows_every_hand_once_in_an_order_of_its_own(
    tiny: Recipe, training_data: tuple[np.ndarray, list[dataset.Subject]]
) -> None:
    months = [hand.bone_age_months for hand in training_data[1]]
    epochs = [fit.Epoch(tiny, *training_data, epoch) for epoch in (0, 1)]
    for epoch, side in zip(epochs, (64, 128), strict=True):
        batches = [epoch[index] for index in range(len(epoch))]
        assert [image.shape for (image, _), _ in batches] == [(2, side, side, 1)] * 2
        assert sorted(np.concatenate([target[:, 0] for _, target in batches])) == pytest.approx(sorted(months))
    again = fit.Epoch(tiny, *training_data, 0)
    assert np.array_equal(again[1][0][0], epochs[0][1][0][0])


def interrupted_in_second(
    tiny: Recipe, images: np.ndarray, hands: list[dataset.Subject], epoch: int
) -> keras.utils.PyDataset:
    if epoch == 1:
        raise KeyboardInterrupt
    return WHOLE_EPOCH(tiny, images, hands, epoch)
