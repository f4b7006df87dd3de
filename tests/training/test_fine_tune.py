"""Fine-tuning a tiny bundle on a site whose radiographs are drawn: from where it begins, and what its card says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from db.vocabulary import CalibratedOn
from tests.narrow_bundle import KERAS_ON_NUMPY_2
from tests.palm_networks import write_onnx
from tests.training.sites import site_of
from tests.training.tiny import data, labelled, shallow_and_eager, tiny
from training import calibrate, embeddings, fit, loop, recipe
from training.base import Base, drawn_base
from training.cases import DataError, Part
from training.checkpoint import read_history
from training.export import publish
from training.fine_tune import fine_tune, next_version, refreshed
from training.parent import ParentError, weights_of
from training.recipe import of_bundle
from training.split import LeakError
from worker.active import novelty_check
from worker.bundle import NETWORK, Bundle
from worker.novelty import FILE, NoveltyFacts

pytestmark = [
    KERAS_ON_NUMPY_2,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]

SMALL = ("network.width=0.03", "phantoms.calibration=2", "refresh.epochs=2", "refresh.base_cases=2")
RECIPE = tiny("cnn_128_regression", *SMALL)


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with shallow_and_eager():
        yield


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("parent")
    with shallow_and_eager():
        made = fit.fit(RECIPE, data(2), folder / "made", folder / "work", processes=1)
    assert made is not None
    return made


def tuned(parent: Bundle, folder: Path, base: Base | None = None, **counts: int) -> Bundle:
    places = {"version": "0.2.1", "folder": folder / "made", "work_folder": folder / "work"}
    return fine_tune(parent, site_of(**counts), base, **places, processes=1)


def network_of(bundle: Bundle) -> keras.Model:
    return keras.saving.load_model(bundle.folder / NETWORK, compile=False)


def test_a_network_begins_with_its_parents_weights_and_loads_no_others(
    parent: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = RECIPE.network.model_copy(update={"weights": "missing.h5"})
    wanted = refreshed(RECIPE, "0.2.1").model_copy(update={"network": missing})
    (weights,) = weights_of(parent, wanted)
    monkeypatch.setattr(loop, "should_stop", lambda *_: True)  # before the first step
    network, history = loop.fit_network(wanted, 0, labelled(wanted, 2, tmp_path), tmp_path / "run", initial=weights)
    assert history == []
    asked = [np.random.default_rng(0).random((2, 80, 80, 1), np.float32), np.zeros(2, np.float32)]
    assert np.array_equal(network(asked), network_of(parent)(asked))


def test_each_network_of_an_ensemble_begins_with_its_own(parent: Bundle, tmp_path: Path) -> None:
    shallow = {"architecture": "shallow", "width": 0.1}
    both = RECIPE.model_validate(RECIPE.model_dump() | {"companions": [shallow]})
    turned = both.model_validate(both.model_dump() | {"network": shallow, "companions": [RECIPE.network.model_dump()]})
    made = [loop.untrained(both, network) for network in both.networks]
    loop_of = [one.get_weights() for one in made]
    fit.average(made).save(tmp_path / NETWORK)
    bundle = replace(parent, folder=tmp_path)
    for wanted, expected in ((both, loop_of), (turned, loop_of[::-1])):
        for found, known in zip(weights_of(bundle, wanted), expected, strict=True):
            assert all(np.array_equal(one, other) for one, other in zip(found, known, strict=True))


def test_a_parent_of_another_architecture_or_width_is_refused(parent: Bundle, tmp_path: Path) -> None:
    other = tiny("shallow_320")
    with pytest.raises(ParentError, match=r"cnn_128_regression \d.* has the networks cnn, the recipe shallow"):
        weights_of(parent, other)
    wider = tiny("cnn_128_regression", "network.width=0.1")
    seen = labelled(wider, 2, tmp_path)
    with pytest.raises(ParentError, match=r"first that differs is \(3, 3, 8, 8\), expected \(3, 3, 8, 16\)"):
        fit.fitted(wider, "hands", seen, tmp_path, begin_from=parent)


def test_a_checkpoint_of_another_parent_is_not_continued(
    parent: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):  # noqa: N818  no error
        pass

    folders: list[Path] = []

    def stopped(*arguments: Any, **_: Any) -> None:
        folders.append(arguments[3])
        raise Stopped

    monkeypatch.setattr(fit, "fit_network", stopped)
    for begin_from in (parent, replace(parent, digest="1" * 64), None, parent):
        with pytest.raises(Stopped):
            fit.fitted(RECIPE, "hands", labelled(RECIPE, 2, tmp_path), tmp_path, begin_from=begin_from)
    assert len(set(folders)) == 3
    assert folders[0] == folders[3]


def test_a_run_that_was_killed_ends_in_the_same_weights_and_its_card_tells_of_it(
    parent: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "MIN_CASES", 1)
    base = drawn_base(RECIPE)
    whole = tuned(parent, tmp_path / "whole", base, calibration=4)
    validate, calls = loop.validate, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return validate(*arguments)

    monkeypatch.setattr(loop, "validate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tuned(parent, tmp_path / "killed", base, calibration=4)
    assert not (tmp_path / "killed" / "made").exists()
    keras.utils.set_random_seed(99)  # another process
    continued = tuned(parent, tmp_path / "killed", base, calibration=4)
    assert len(calls) == 3  # the first epoch was not done again
    for found, expected in zip(network_of(continued).get_weights(), network_of(whole).get_weights(), strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
    check_card(whole, parent)


def check_card(made: Bundle, parent: Bundle) -> None:
    card = made.card
    assert (card.name, card.version) == (parent.card.name, "0.2.1")
    assert (
        card.training_data.description == "3 radiographs of this site with reads, and 2 hands drawn by training.phantom"
    )
    assert card.training_data.radiographs == 5
    assert card.training_data.digest != parent.card.training_data.digest
    judged = "radiographs of this site with blinded reads that a reading list asked for"
    assert card.metrics.held_out == f"3 {judged}; none used in training"
    assert card.calibration is not None
    assert card.calibration.calibrated_on is CalibratedOn.RADIOGRAPHS
    assert (card.calibration.data, card.calibration.coverage.test) == (f"4 {judged}", f"3 {judged}")
    first = f"{parent.card.name} {parent.card.version}"
    assert card.limitations == (
        f"Fine-tuned from {first} on reads of one site. Before any fine-tuning: {parent.card.limitations}"
    )
    assert card.training_cost is not None
    assert (card.training_cost.initial_weights, card.training_cost.epochs) == (first, 2)
    assert card.novelty is None  # nor has its parent one
    assert of_bundle(made.folder) == RECIPE.model_copy(update={"version": "0.2.1"})


def test_the_second_refresh_learns_as_fast_as_the_first(parent: Bundle, tmp_path: Path) -> None:
    earlier = parent.card.model_copy(update={"limitations": "Fine-tuned from another on reads of one site."})
    made = tuned(replace(parent, card=earlier), tmp_path)
    first, last = (epoch.learning_rate for epoch in read_history(made.folder / "history.json"))
    assert 0 < first < RECIPE.fit.optimizer.learning_rate / 10
    assert last == pytest.approx(0, abs=1e-12)
    known = of_bundle(made.folder)
    assert known is not None
    assert refreshed(known, "9.9.9") == refreshed(RECIPE, "9.9.9")
    assert made.card.limitations.count("Fine-tuned") == 1


def test_a_palm_detector_comes_from_the_parent_wherever_it_once_was(tmp_path: Path) -> None:
    once = tmp_path / "palm.onnx"
    write_onnx(once)
    wanted = tiny("cnn_128_regression", *SMALL, "preprocessing.crop='mediapipe'", f"preprocessing.crop_model='{once}'")
    made = fit.fit(wanted, data(2), tmp_path / "parent", tmp_path / "work", processes=1)
    assert made is not None
    once.unlink()
    candidate = tuned(made, tmp_path)
    assert candidate.card.preprocessing == made.card.preprocessing
    assert candidate.card.files["palm.onnx"] == made.card.files["palm.onnx"]


@pytest.mark.parametrize("name", recipe.shipped())
def test_a_refresh_is_short_slow_and_at_full_size(name: str) -> None:
    known = recipe.load(name)
    found = refreshed(known, "1.2.3")
    assert found == recipe.Recipe.model_validate(found.model_dump())
    assert found.version == "1.2.3"
    assert [(phase.epochs, phase.shrink) for phase in found.fit.phases] == [(8, 1)]
    assert found.fit.optimizer.learning_rate == pytest.approx(known.fit.optimizer.learning_rate / 10)
    assert found.fit.schedule.name == "cosine"
    assert found.fit.weights_kept == "last"
    assert found.fit.model_copy(update=dict(known.fit)) == known.fit
    assert not loop.should_stop(found.fit, [])


def test_the_next_version_is_the_next_free_patch() -> None:
    assert next_version("0.1.1", []) == "0.1.2"
    assert next_version("0.1.1", ["0.1.1", "0.1.2", "0.1.3", "0.1.5"]) == "0.1.4"
    assert next_version("1.0.9", ["1.0.1"]) == "1.0.10"


def test_a_parent_without_a_recipe_is_refused(parent: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ParentError, match=r"says by no recipe\.json how it was made"):
        tuned(replace(parent, folder=tmp_path), tmp_path)


@pytest.mark.parametrize(("part", "purpose"), [("training", "learn from"), ("test", "be measured on")])
def test_a_site_with_nothing_to_learn_from_or_be_measured_on_is_refused(
    parent: Bundle, tmp_path: Path, part: str, purpose: str
) -> None:
    with pytest.raises(DataError, match=f"the site has no radiographs to {purpose}: so many of this site"):
        tuned(parent, tmp_path, drawn_base(RECIPE), **{part: 0})


def test_a_patient_of_the_base_set_who_is_the_sites_too_is_refused(parent: Bundle, tmp_path: Path) -> None:
    base = drawn_base(RECIPE)
    known = site_of().parts[Part.TRAINING][0].patient
    leaking = replace(base, test=[replace(base.test[0], patient=known)])
    with pytest.raises(LeakError, match=r"phantom 2000000000 \(test\) is of the same patient as radiograph"):
        tuned(parent, tmp_path, leaking)
    assert not (tmp_path / "made").exists()


def embedded(made: Bundle, shown: Any) -> np.ndarray:
    """Stand in for a network: eight features, of five thousand cases where four are to draw the line."""
    count = len(shown.cases)
    return np.random.default_rng(count).normal(size=({4: 5000, 5: 100}.get(count, count), 8))


def test_a_candidate_has_a_novelty_check_of_its_own_or_none(
    parent: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {"fitted_on": "hands", "valid": "hands", "test": "hands"}
    measures = {"threshold": 2.0, "valid_cases": 5000, "test_cases": 1, "flagged": 0.0, "low": 0.0, "high": 1.0}
    usual = embeddings.novelty.usual(np.random.default_rng(1).normal(size=(100, 8)))
    usual.save(tmp_path / FILE)
    card = parent.card.model_copy(update={"novelty": NoveltyFacts.model_validate(texts | measures)})
    checked = publish(parent, card, tmp_path / "checked", [tmp_path / FILE])
    without = tuned(checked, tmp_path)
    assert (without.card.novelty, (without.folder / FILE).exists()) == (None, False)
    assert "no novelty check: 2 radiographs to draw the line by, expected 5,000 or more" in capsys.readouterr().out

    monkeypatch.setattr("training.fine_tune.check_enough", lambda _: None)
    monkeypatch.setattr(embeddings.novelty, "check_enough", lambda _: None)
    monkeypatch.setattr(embeddings, "embeddings", embedded)
    made = tuned(checked, tmp_path, drawn_base(RECIPE), test=7)
    found, check = made.card.novelty, novelty_check(made, 1)
    assert found is not None
    assert check is not None
    assert (found.threshold, found.valid_cases, found.test_cases) == (check.threshold, 5000, 7)
    assert found.threshold != 2
    assert found.fitted_on == "5 of 3 radiographs of this site with reads, and 2 hands drawn by training.phantom"
    judged = "radiographs of this site with blinded reads that a reading list asked for"
    assert (found.valid, found.test) == (f"2 {judged}, and 2 hands drawn by training.phantom", f"7 {judged}")
