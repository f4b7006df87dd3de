"""The exported function against the network and a Grad-CAM worked out without TensorFlow's gradients."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.narrow_bundle import COLUMNS, KERAS_ON_NUMPY_2, ROWS, card, export_narrow, narrow_network
from training.assess_function import AssessFunction
from training.export import ExportError, export
from worker import bundle

pytestmark = KERAS_ON_NUMPY_2

NAN = float("nan")
IMAGES = np.random.default_rng(5).random((3, ROWS, COLUMNS, 1), np.float32)
SEX = np.array([1, 0, NAN], np.float32)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return narrow_network()


@pytest.fixture(scope="module")
def outputs(network: keras.Model) -> dict[str, np.ndarray]:
    assess = AssessFunction(network, card())
    return {name: output.numpy() for name, output in assess.assess(tf.constant(IMAGES), tf.constant(SEX)).items()}


def head_months(head: keras.Model, embedding: np.ndarray, sex: float) -> np.ndarray:
    """Run the head in double precision: (n, d) to (n,) months."""
    sex_kernel, sex_bias, *dense = (weights.astype(np.float64) for weights in head.get_weights())
    sex_features = np.maximum(np.full((len(embedding), 1), sex) @ sex_kernel + sex_bias, 0)
    x = np.concatenate([embedding, sex_features], axis=1)
    x = np.maximum(x @ dense[0] + dense[1], 0)
    x = np.maximum(x @ dense[2] + dense[3], 0)
    return np.asarray(127 * (x @ dense[4] + dense[5])[:, 0])


def months(head: keras.Model, embedding: np.ndarray) -> np.ndarray:
    """Return what is explained: the months for the sex of each, or the mean of both where it is unknown."""
    female, male = head_months(head, embedding, 0), head_months(head, embedding, 1)
    return np.where(SEX == 1, male, np.where(SEX == 0, female, (female + male) / 2))


def test_the_heat_map_is_the_finite_difference_of_the_months(
    network: keras.Model, outputs: dict[str, np.ndarray]
) -> None:
    feature_map = np.asarray(network.get_layer("backbone")(IMAGES, training=False), np.float64)
    head, positions = network.get_layer("head"), feature_map.shape[1] * feature_map.shape[2]
    embedding, step = feature_map.mean(axis=(1, 2)), 1e-8  # small enough to cross no ReLU's kink
    weights = np.empty_like(embedding)
    for feature in range(embedding.shape[1]):
        shift = np.zeros(embedding.shape[1])
        shift[feature] = step
        weights[:, feature] = (months(head, embedding + shift) - months(head, embedding - shift)) / (2 * step)
    expected = np.maximum(np.einsum("nhwk,nk->nhw", feature_map, weights / positions), 0)
    assert expected.max() > 0
    assert outputs["heat_map"] == pytest.approx(expected, rel=1e-3, abs=1e-4 * expected.max())


def test_the_months_are_those_of_the_network(network: keras.Model, outputs: dict[str, np.ndarray]) -> None:
    by_network = np.asarray(network([IMAGES[:2], SEX[:2]], training=False))[:, 0]
    assert outputs["bone_age_months"][:2] == pytest.approx(by_network, abs=1e-3)
    assert np.isnan(outputs["bone_age_months"][2])


def test_both_sexes_are_given_for_every_radiograph(network: keras.Model, outputs: dict[str, np.ndarray]) -> None:
    for name, sex in (("female", 0), ("male", 1)):
        by_network = np.asarray(network([IMAGES, np.full(3, sex, np.float32)], training=False))[:, 0]
        assert outputs[f"bone_age_if_{name}_months"] == pytest.approx(by_network, abs=1e-3)


def test_a_bundle_replaces_the_one_before_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "narrow"
    folder.mkdir()
    (folder / "old").write_text("old")
    with pytest.raises(ExportError, match="narrow: is there and is no bundle"):
        export_narrow(folder)
    assert (folder / "old").read_text() == "old"
    (folder / "card.json").write_text("{}")
    made = export_narrow(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["narrow"]
    assert bundle.load(folder) == made
    assert "old" not in made.card.files
    assert made.card.parameters == narrow_network().count_params()
    assert made.card.library_versions["keras"] == keras.__version__


def test_the_kept_network_has_its_weights_but_no_optimiser(network: keras.Model, tmp_path: Path) -> None:
    network.compile(optimizer="adam", loss="mae")
    network.optimizer.build(network.trainable_variables)
    made = export(network, card(), tmp_path / "narrow")
    kept = keras.saving.load_model(made.folder / "network.keras")
    assert not kept.compiled
    for found, expected in zip(kept.get_weights(), network.get_weights(), strict=True):
        assert np.array_equal(found, expected)
