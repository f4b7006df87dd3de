"""The table of a recipe that says how a site's reads change a model."""

import math

import pytest
from pydantic import ValidationError

from training import recipe
from training.refreshing import RefreshRecipe
from worker.bundle import starter_folder


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rate_factor": 0},
        {"learning_rate_factor": 1.1},
        {"base_cases": 0},
        {"min_test_reads": 49},
        {"min_new_reads": 0},
        {"uses_of_a_split": 0},
        {"mae_margin_months": -0.1},
        {"gap_margin_months": 12.1},
        {"coverage_margin": 0.21},
        {"age_margin_months": math.inf},
        {"base_margin_months": -1},
        {"margin": 1},
    ],
)
def test_a_table_with_an_impossible_value_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        RefreshRecipe.model_validate(wrong)


def test_a_bundle_that_was_made_before_there_was_the_table_has_its_defaults() -> None:
    made_by = recipe.of_bundle(starter_folder())
    assert made_by is not None
    assert made_by.refresh == RefreshRecipe()
    assert recipe.load("starter", ["refresh.epochs=2"]).refresh == RefreshRecipe(epochs=2)
