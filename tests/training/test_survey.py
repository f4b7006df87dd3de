"""What makes every recipe small, and what is done again when a survey goes on."""

from pathlib import Path

import pytest

from db.errors import TransientError
from tests.narrow_bundle import KERAS_ON_NUMPY_2, export_narrow
from training import recipe, survey
from training.survey import OURS, Scale, fit_all, small, usual_names

pytestmark = KERAS_ON_NUMPY_2

SCALE = Scale(hands=10, test_hands=7, side_px=96, width=0.125, epochs=2, minutes=3)


@pytest.mark.parametrize("name", [name for name in recipe.shipped() if name != "starter"])
def test_every_recipe_can_be_made_small_and_keeps_all_else(name: str) -> None:
    small_one, whole = recipe.load(*small(name, SCALE)), recipe.load(name)
    assert (small_one.preprocessing.rows, small_one.preprocessing.columns) == (96, 96)
    assert {network.weights for network in small_one.networks} == {"none"}
    width = 1 if name.startswith(("cnn", "shallow")) else 0.125
    assert {network.width for network in small_one.networks} == {width}
    assert (small_one.phantoms.training, small_one.phantoms.validation, small_one.phantoms.test) == (10, 2, 7)
    assert (small_one.fit.epochs, small_one.fit.stopping.minutes) == (2, 3)
    assert small_one.head == whole.head
    assert small_one.fit.optimizer == whole.fit.optimizer
    assert small_one.augmentation == whole.augmentation
    assert small_one.preprocessing.crop == whole.preprocessing.crop


def test_a_variant_is_a_recipe_of_another_name_and_value() -> None:
    assert {*usual_names()} == {*recipe.shipped(), "carpus_xception_crop"} - {"starter"}
    varied, ours = (recipe.load(*small(name, SCALE)) for name in ("carpus_xception_crop", OURS))
    assert (varied.name, varied.preprocessing.crop, ours.preprocessing.crop) == ("carpus_xception_crop", "hand", "none")
    changed = {"name": OURS, "preprocessing": ours.preprocessing}
    assert varied.model_copy(update=changed) == ours


def test_a_recipe_of_which_there_is_a_bundle_is_not_fitted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[list[str]] = []

    def ended(arguments: list[str]) -> int:
        run.append(arguments)
        return 3

    monkeypatch.setattr(survey, "_run", ended)
    wanted = recipe.load(*small("shallow_320", SCALE))
    written = tmp_path / "recipe.json"
    written.write_text(wanted.model_dump_json(indent=2) + "\n")
    export_narrow(tmp_path / "bundles" / "shallow_320", extra=[written])
    fitted = fit_all(["shallow_320", "resnet50_320"], SCALE, tmp_path)
    assert next(fitted) == tmp_path / "bundles" / "shallow_320"
    assert run == []
    with pytest.raises(TransientError, match="resnet50_320: its run ended early, with 3; begin again to go on"):
        next(fitted)
    assert run[0][0] == "resnet50_320"
    assert run[0][-1] == "phantoms.test=7"
