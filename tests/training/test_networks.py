"""Every architecture: the published number of parameters, and what a backbone of Keras' own would see."""

import importlib
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from tests.narrow_bundle import KERAS_ON_NUMPY_2
from training.ingredients import HeadRecipe, NetworkRecipe, TargetRecipe
from training.networks.build import build, from_keras
from training.networks.network import Pixels, Shape, channels, copy_weights
from training.recipe import RecipeError

pytestmark = KERAS_ON_NUMPY_2

SIZE = Shape(96, 96)
SEX_AWARE = HeadRecipe(pooling="average", dense_units=(8,), takes_sex=True)
MONTHS = TargetRecipe(unit="months")


@cache
def backbone_of(name: str, *arguments: Any) -> keras.Model:
    return importlib.import_module(f"training.networks.{name}").build_backbone(*arguments)


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize(
    ("name", "published", "first_kernel"),
    [
        ("xception", 20_861_480, (3, 3, 32)),  # without a top, all parameters, as Keras documents it
        ("resnet50", 23_587_712, (7, 7, 64)),
        ("efficientnet_b4", 17_673_823 - 7, (3, 3, 48)),  # less Keras' normalisation of colours
    ],
)
def test_the_backbone_has_the_parameters_of_the_published_one_but_sees_one_channel(
    name: str, published: int, first_kernel: tuple[int, int, int]
) -> None:
    assert backbone_of(name).count_params() == published - 2 * int(np.prod(first_kernel))


@pytest.mark.parametrize(
    ("name", "published", "classifier", "first_kernel"),
    [
        ("convmixer", 21_110_248, 768 * 1000 + 1000, (7, 7, 768)),
        ("inception_v4", 42_679_816, 1536 * 1000 + 1000, (3, 3, 32)),
    ],
)
def test_the_backbone_learns_what_the_published_network_learns_without_its_classifier(
    name: str, published: int, classifier: int, first_kernel: tuple[int, int, int]
) -> None:
    assert trainable(backbone_of(name)) == published - classifier - 2 * int(np.prod(first_kernel))


def test_the_small_networks_have_the_layers_that_were_told() -> None:
    # 9 · in · out + out, and two of batch normalisation for each channel.
    assert trainable(backbone_of("cnn")) == (320 + 64) + (18_496 + 128) + (73_856 + 256) + (295_168 + 512)
    assert trainable(backbone_of("shallow")) == 160 + 4_640 + 18_496


def test_channels_are_the_nearest_multiple_of_eight() -> None:
    assert [channels(728, width) for width in (1.0, 0.5, 0.25)] == [728, 368, 184]  # 45.5 rounds to even
    assert channels(32, 0.0625) == 8


@pytest.mark.parametrize(
    ("name", "scale", "offset"),
    [
        ("xception", 2.0, -1.0),
        ("resnet50", 255.0, -114.8),
        ("efficientnet_b4", 255 / 0.226, -255 * 0.449 / 0.226),
    ],
)
def test_with_its_weights_it_sees_what_the_network_of_keras_sees(name: str, scale: float, offset: float) -> None:
    theirs, ours, rng = from_keras(name, None), backbone_of(name), np.random.default_rng(2)
    theirs.set_weights([_moved(weight, rng) for weight in theirs.get_weights()])
    copy_weights(theirs, ours)
    image = rng.random((1, *SIZE, 1), np.float32)
    seen, expected = ours(image), theirs(np.repeat(image * scale + offset, 3, axis=-1))
    assert np.asarray(seen) == pytest.approx(np.asarray(expected), abs=1e-5 * float(np.abs(expected).max()))


def _moved(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move weights a little, so that layers of the same shape differ; variances stay above 0."""
    return (weight + rng.random(weight.shape) * 0.01).astype(weight.dtype) if weight.ndim else weight


def test_with_three_channels_it_has_the_published_parameters() -> None:
    assert backbone_of("resnet50", Shape(None, None), 1.0, Pixels(channels=3)).count_params() == 23_587_712


def test_three_channels_are_the_grey_values_three_times_and_in_the_range_asked_for() -> None:
    seen = backbone_of("cnn", SIZE, 0.1, Pixels(channels=3, value_range=(-2.0, 6.0)))
    greys = np.array([[[[0.0], [0.5], [1.0]]]], np.float32)
    scaled, joined = seen.layers[1], seen.layers[2]
    assert np.asarray(joined([scaled(greys)] * 3))[0, 0].tolist() == [[-2] * 3, [2] * 3, [6] * 3]


def test_a_frozen_backbone_learns_nothing() -> None:
    network = build(NetworkRecipe(architecture="cnn", width=0.1, is_frozen=True), SEX_AWARE, MONTHS, SIZE)
    assert trainable(network) == trainable(network.get_layer("head")) > 0


def test_initial_weights_that_cannot_be_had_are_told() -> None:
    with pytest.raises(ValidationError, match="Keras has ImageNet weights of efficientnet_b4, resnet50, xception only"):
        NetworkRecipe(architecture="cnn", weights="imagenet")
    wanted = NetworkRecipe(architecture="resnet50", width=0.02, weights="nowhere.weights.h5")
    with pytest.raises(RecipeError, match=r"network.weights: nowhere.weights.h5 of resnet50 cannot be used"):
        build(wanted, SEX_AWARE, MONTHS, SIZE)


def test_weights_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="has 7 layers with weights, backbone has 8"):
        copy_weights(keras.Sequential(backbone_of("cnn", SIZE).layers[:-2]), backbone_of("cnn", SIZE))
