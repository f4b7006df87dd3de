from pathlib import Path

import pytest

from training import recipe
from training.recipe import RecipeError

STARTER = (Path(recipe.__file__).parent / "recipes" / "starter.toml").read_text()


def written(folder: Path, text: str) -> str:
    path = folder / "changed.toml"
    path.write_text(text)
    return str(path)


def test_the_starter_is_small_and_takes_256_px() -> None:
    starter = recipe.load("starter")
    assert starter.network.width <= 0.25
    assert (starter.preprocessing.rows, starter.preprocessing.columns) == (256, 256)
    assert starter.phantoms.held_out == 1000


def test_a_shipped_recipe_and_its_file_are_the_same(tmp_path: Path) -> None:
    assert recipe.load(written(tmp_path, STARTER)) == recipe.load("starter")


def test_each_epoch_has_the_size_of_its_phase() -> None:
    phases = (recipe.Phase(epochs=2, shrink=4), recipe.Phase(epochs=1, shrink=1))
    fit = recipe.FitRecipe(seed=0, batch_size=1, learning_rate=1e-3, weight_decay=0, warm_up_epochs=0, phases=phases)
    assert fit.epochs == 3
    assert [fit.shrink_in(epoch) for epoch in range(3)] == [4, 4, 1]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("batch_size = 32", "batch_sise = 32", r"changed\.toml: fit\.batch_sise: Extra inputs are not permitted"),
        ("batch_size = 32", "batch_size = 0", r"changed\.toml: fit\.batch_size: Input should be greater than 0"),
        ("width = 0.25", "width = 1.5", r"network\.width: Input should be less than or equal to 1, received 1\.5"),
        ('architecture = "xception"', 'architecture = "vgg"', r"network\.architecture: Input should be 'xception'"),
        ("held_out = 1000", "", r"phantoms\.held_out: Field required"),
        ("training = 8000", "training = 1_000_000_001", r"phantoms\.training: .* less than or equal to 1000000000"),
        ("rows = 256", "rows = ", r"changed\.toml: not TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_with_file_key_and_what_is_allowed(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    assert before in STARTER
    with pytest.raises(RecipeError, match=message):
        recipe.load(written(tmp_path, STARTER.replace(before, after)))


def test_an_unknown_recipe_is_refused_with_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"no such recipe; give one of .*starter"):
        recipe.load("finisher")
