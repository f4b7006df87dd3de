"""What makes every recipe small, and what is done again when a survey goes on."""

from pathlib import Path

import pytest

from db.errors import TransientError
from tests.narrow_bundle import KERAS_ON_NUMPY_2, export_narrow
from training import recipe, survey
from training.survey import LEFT_OUT, Scale, fit_all, overrides

pytestmark = KERAS_ON_NUMPY_2

SCALE = Scale(hands=10, test_hands=7, side_px=96, width=0.125, epochs=2, minutes=3)


@pytest.mark.parametrize("name", [name for name in recipe.shipped() if name != LEFT_OUT])
def test_every_recipe_can_be_made_small_and_keeps_all_else(name: str) -> None:
    small, whole = recipe.load(name, overrides(name, SCALE)), recipe.load(name)
    assert (small.preprocessing.rows, small.preprocessing.columns) == (96, 96)
    assert {network.weights for network in small.networks} == {"none"}
    assert {network.width for network in small.networks} == ({1} if name.startswith(("cnn", "shallow")) else {0.125})
    assert (small.phantoms.training, small.phantoms.validation, small.phantoms.test) == (10, 2, 7)
    assert (small.fit.epochs, small.fit.stopping.minutes) == (2, 3)
    assert small.head == whole.head
    assert small.fit.optimizer == whole.fit.optimizer
    assert small.augmentation == whole.augmentation
    assert small.preprocessing.crop == whole.preprocessing.crop


def test_a_recipe_of_which_there_is_a_bundle_is_not_fitted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[list[str]] = []

    def ended(arguments: list[str]) -> int:
        run.append(arguments)
        return 3

    monkeypatch.setattr(survey, "_run", ended)
    wanted = recipe.load("shallow_320", overrides("shallow_320", SCALE))
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
