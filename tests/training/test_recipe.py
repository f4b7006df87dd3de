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
    assert starter.phantoms.test == 1000


def test_what_ships_learns_from_both_drawings_and_another_can_be_chosen() -> None:
    assert recipe.load("starter").phantoms.drawing == "both"
    assert {recipe.load(name).phantoms.drawing for name in recipe.shipped() if name != "starter"} == {"phantom"}
    assert recipe.load("starter", ['phantoms.drawing="hand"']).phantoms.drawing == "hand"
    with pytest.raises(RecipeError, match=r"phantoms\.drawing: Input should be 'phantom', 'hand' or 'both'"):
        recipe.load("starter", ['phantoms.drawing="foot"'])


def test_a_shipped_recipe_and_its_file_are_the_same(tmp_path: Path) -> None:
    assert recipe.load(written(tmp_path, STARTER)) == recipe.load("starter")


def test_each_epoch_has_the_size_of_its_phase() -> None:
    fit = recipe.load("starter", ["fit.phases=[{epochs=2, shrink=4}, {epochs=1}]"]).fit
    assert fit.epochs == 3
    assert [fit.shrink_in(epoch) for epoch in range(3)] == [4, 4, 1]


def test_every_published_system_has_a_recipe() -> None:
    published = {"xception_256", "xception_256_clahe", "xception_256_roi", "efficientnet_b4_frozen", "xception_500_sex"}
    published |= {"convmixer_256_sex", "cnn_128_regression", "cnn_128_stages", "shallow_320", "resnet50_320"}
    published |= {"inception_v4_320"}
    assert published | {"xception_256_sex", "carpus_xception", "carpus_ensemble"} <= set(recipe.shipped())
    for name in recipe.shipped():
        assert recipe.load(name).name == name


def test_another_value_is_taken_and_checked() -> None:
    changes = ["network.width=0.5", "fit.seed=7", "network.width=0.25", "companions.0.weights='none'"]
    changed = recipe.load("carpus_ensemble", changes)
    assert changed.network.width == 0.25
    assert changed.fit.seed == 7
    assert changed.companions[0].weights == "none"
    with pytest.raises(RecipeError, match=r"starter\.toml: network\.width: Input should be less than or equal to 1"):
        recipe.load("starter", ["network.width=2"])
    for wrong in ("network.width", "network.width=", "name.first=1", "companions.0.width=1"):
        with pytest.raises(RecipeError, match=f"{wrong}: expected KEY=VALUE|companions"):
            recipe.load("starter", [wrong])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("batch_size = 32", "batch_sise = 32", r"changed\.toml: fit\.batch_sise: Extra inputs are not permitted"),
        ("batch_size = 32", "batch_size = 0", r"changed\.toml: fit\.batch_size: Input should be greater than 0"),
        ("width = 0.25", "width = 1.5", r"network\.width: Input should be less than or equal to 1, received 1\.5"),
        ('architecture = "xception"', 'architecture = "vgg"', r"network\.architecture: Input should be 'xception'"),
        ("test = 1000", "", r"phantoms\.test: Field required"),
        ("training = 20000", "training = 1_000_000_001", r"phantoms\.training: .* less than or equal to 1000000000"),
        ("rows = 256", "rows = ", r"changed\.toml: not TOML"),
        ('loss = "mae"', 'loss = "huber"', r"fit: .*huber_delta: expected with the loss huber"),
        ('loss = "mae"', 'loss = "cross_entropy"', r"fit\.loss: expected cross_entropy with head\.answers stages"),
        ('name = "adamw"', 'name = "adam"', r"fit\.optimizer: .*weight_decay: expected none with adam"),
        ('name = "cosine"', 'name = "plateau"', r"fit\.schedule: .*factor and patience_epochs: expected both"),
        ('unit = "months"', 'unit = "z_score"', r"target: .*mean_months and sd_months: expected both"),
        ('unit = "months"', "", r"target\.unit: Field required"),
        ('pooling = "average"', 'pooling = "flatten"', r"fit\.phases\.shrink: expected 1"),
        ("[target]", "[split]\ntest = 0.9\n[target]", r"split: .*expected fractions that are 1 together"),
        ("width = 0.25", "value_range = [1, 0]", r"network: .*value_range: must ascend"),
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
