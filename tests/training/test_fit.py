"""The whole of a training run, tiny."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.narrow_bundle import KERAS_ON_NUMPY_2
from tests.training.tiny import data, labelled, shallow_and_eager, tiny
from training import fit, loop, precision
from training.cases import Part
from training.checkpoint import read_history
from training.split import LeakError
from worker import bundle

pytestmark = [
    KERAS_ON_NUMPY_2,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]

TWO_EPOCHS = ("fit.weights_kept='last'", "fit.phases=[{epochs=1, shrink=2}, {epochs=1}]", "network.width=0.03")


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with shallow_and_eager():
        yield


def weights_of(network: keras.Model) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in network.get_weights()]


def test_a_run_ends_in_a_bundle_that_tells_of_it(tmp_path: Path) -> None:
    wanted = tiny("cnn_128_regression", *TWO_EPOCHS)
    made = fit.fit(wanted, data(3), tmp_path / "models" / "tiny", tmp_path / "work", processes=1)
    assert made is not None
    assert bundle.load(tmp_path / "models" / "tiny") == made
    assert made.card.metrics.overall.radiographs == 3
    assert made.card.training_data.radiographs == 3
    assert made.card.calibration is None  # of three hands there can be none
    assert [one.epoch for one in read_history(made.folder / "history.json")] == [1, 2]
    cost = made.card.training_cost
    assert cost is not None
    assert (cost.epochs, cost.initial_weights) == (2, "none")
    assert cost.seconds > 0
    assert cost.peak_memory_bytes > 50e6
    assert (made.folder / "recipe.json").read_text() == wanted.model_dump_json(indent=2) + "\n"


@pytest.mark.parametrize(("gpus", "expected"), [(["GPU"], "float16"), ([], "bfloat16")])
def test_a_run_in_half_precision_ends_in_a_network_of_single(
    gpus: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies: list[str] = []
    convolve = keras.layers.Conv2D.call

    def seen(layer: keras.layers.Conv2D, inputs: object) -> object:
        policies.append(layer.compute_dtype)
        return convolve(layer, inputs)

    wanted = tiny("xception_256", "fit.mixed_precision=true")
    pictures = labelled(wanted, 2, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(keras.layers.Conv2D, "call", seen)
        patch.setattr(tf.config, "list_physical_devices", lambda _=None: gpus)  # a processor can do both, slowly
        patch.setattr(precision, "has_bfloat16", lambda: True)
        network, (epoch,) = loop.fit_network(wanted, 0, pictures, tmp_path / "run")
    assert set(policies) == {expected}
    assert np.isfinite([epoch.loss, epoch.validation_loss]).all()
    assert {layer.compute_dtype for layer in network._flatten_layers()} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_an_interrupted_run_ends_in_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = tiny("cnn_128_regression", *TWO_EPOCHS)  # it drops out and normalises batches
    seen = labelled(wanted, 4, tmp_path)
    whole, history = loop.fit_network(wanted, 0, seen, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", second_is_interrupted(loop.validate))
        with pytest.raises(KeyboardInterrupt):
            loop.fit_network(wanted, 0, seen, tmp_path / "resumed")
    keras.utils.set_random_seed(99)  # another process
    resumed, continued = loop.fit_network(wanted, 0, seen, tmp_path / "resumed")
    assert [one.epoch for one in continued] == [1, 2]
    assert continued[1].loss == pytest.approx(history[1].loss, rel=1e-5)
    for found, expected in zip(weights_of(resumed), weights_of(whole), strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


def second_is_interrupted(validate: object) -> object:
    def interrupted(*arguments: object) -> object:
        if arguments[-1] == 1:  # the shrink of the second epoch
            raise KeyboardInterrupt
        return validate(*arguments)  # type: ignore[operator]  # the function that it stands for

    return interrupted


def test_the_best_weights_are_kept_where_the_recipe_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = ("fit.phases=[{epochs=3}]", "fit.weights_kept='best'", "fit.stopping={}", "network.width=0.03")
    wanted = tiny("cnn_128_regression", *changes)
    validation_losses = iter([2.0, 1.0, 3.0])
    kept: list[list[np.ndarray]] = []

    def validate(recipe: object, network: keras.Model, *rest: object) -> tuple[float, float]:
        kept.append(weights_of(network))
        return next(validation_losses), 0.0

    monkeypatch.setattr(loop, "answering", lambda network: network)
    monkeypatch.setattr(loop, "validate", validate)
    network, _ = loop.fit_network(wanted, 0, labelled(wanted, 2, tmp_path), tmp_path / "run")
    assert all(np.array_equal(one, two) for one, two in zip(weights_of(network), kept[1], strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(weights_of(network), kept[2], strict=True))


def test_a_run_with_a_patient_in_two_parts_fails_before_anything_is_made(tmp_path: Path) -> None:
    leaking = data(2)
    leaking = fit.Data({**leaking.parts, Part.TEST: leaking.parts[Part.TRAINING]}, "hands", are_radiographs=False)
    with pytest.raises(LeakError, match=r"phantom 0 \(test\) is of the same patient as phantom 0 \(training\)"):
        fit.fit(tiny("cnn_128_regression"), leaking, tmp_path / "made", tmp_path / "work", processes=1)
    assert not (tmp_path / "made").exists()
    assert not (tmp_path / "work").exists()
