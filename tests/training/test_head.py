"""The heads: as published, with or without the sex, for months and for stages."""

import numpy as np
import pytest
from pydantic import ValidationError

from tests.narrow_bundle import KERAS_ON_NUMPY_2
from training.ingredients import HeadRecipe, TargetRecipe
from training.networks import head

pytestmark = KERAS_ON_NUMPY_2

FEATURE_MAP = (None, 3, 2, 512)
MONTHS = TargetRecipe(unit="months")


def test_that_of_the_challenge_winner() -> None:
    built = head.build(HeadRecipe(pooling="average", dense_units=(1000, 1000), takes_sex=True), FEATURE_MAP, MONTHS)
    # Sex 1·32+32; (512+32)·1000+1000; 1000·1000+1000; 1000+1.
    assert built.count_params() == 64 + 545_000 + 1_001_000 + 1_001


def test_that_of_the_xception_with_the_greatest_value_of_each_feature() -> None:
    built = head.build(HeadRecipe(pooling="max", dense_units=(10,)), FEATURE_MAP, MONTHS)
    assert built.count_params() == 5_130 + 11
    assert [layer.name for layer in built.layers].count("pool") == 1


def test_that_of_the_resnet_on_the_whole_feature_map() -> None:
    recipe = HeadRecipe(
        pooling="flatten", dense_units=(256, 128, 64, 32), dropout_fractions=(0, 0, 0, 0, 0.01), l2=0.01
    )
    built = head.build(recipe, FEATURE_MAP, MONTHS)
    assert built.count_params() == 3 * 2 * 512 * 256 + 256 + 32_896 + 8_256 + 2_080 + 33
    assert len(built.losses) == 4
    assert sum("dropout" in layer.name for layer in built.layers) == 1


def test_the_sex_changes_the_answer_where_it_is_taken_and_only_there() -> None:
    seen = np.random.default_rng(1).random((1, 3, 2, 512), np.float32)
    for takes_sex in (True, False):
        built = head.build(HeadRecipe(pooling="average", dense_units=(16,), takes_sex=takes_sex), FEATURE_MAP, MONTHS)
        female, male = (np.asarray(built([seen, np.full(1, sex, np.float32)])) for sex in (0, 1))
        assert (female == male).all() != takes_sex


@pytest.mark.parametrize(
    ("target", "months"),
    [
        (TargetRecipe(unit="months"), 7.5),
        (TargetRecipe(unit="months", last_layer_months=127), 952.5),
        (TargetRecipe(unit="years"), 90),
        (TargetRecipe(unit="z_score", mean_months=120, sd_months=40), 420),
    ],
)
def test_the_last_layer_says_months_in_the_unit_of_the_target(target: TargetRecipe, months: float) -> None:
    built = head.build(HeadRecipe(pooling="average"), FEATURE_MAP, target)
    kernel = np.zeros((512, 1), np.float32)
    built.get_layer("answer").set_weights([kernel, np.array([7.5], np.float32)])
    assert np.asarray(built([np.zeros((1, 3, 2, 512), np.float32), np.zeros(1, np.float32)])) == pytest.approx(months)


def test_probabilities_of_the_stages_sum_up_to_one() -> None:
    recipe = HeadRecipe(answers="stages", pooling="average", dense_units=(128,), dropout_fractions=(0, 0.3))
    built = head.build(recipe, FEATURE_MAP, MONTHS)
    found = np.asarray(built([np.random.default_rng(1).random((4, 3, 2, 512), np.float32), np.zeros(4, np.float32)]))
    assert found.shape == (4, 3)
    assert found.sum(axis=1) == pytest.approx(1)


def test_a_head_that_flattens_asks_for_a_size() -> None:
    with pytest.raises(ValueError, match="needs a backbone of one size"):
        head.build(HeadRecipe(pooling="flatten"), (None, None, None, 512), MONTHS)


def test_a_dropout_for_no_layer_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected none or 2, for the pooled features and for each of 1 dense"):
        HeadRecipe(pooling="max", dense_units=(10,), dropout_fractions=(0.1,))
