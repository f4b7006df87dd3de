"""Both engines keep the same contract, on the same bundle."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from db.errors import BundleError
from tests.narrow_bundle import COLUMNS, KERAS_ON_NUMPY_2, ROWS, card, export_narrow
from training import conversion
from worker.bundle import OPENVINO, SAVED_MODEL, Bundle, file_digests
from worker.engines import Engine, openvino, tensorflow

pytestmark = KERAS_ON_NUMPY_2

NAN = float("nan")


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return export_narrow(tmp_path_factory.mktemp("bundle") / "narrow")


LOADERS: dict[str, Callable[[Bundle], Engine]] = {"tensorflow": tensorflow.load, "openvino": openvino.load}


@pytest.fixture(scope="module", params=LOADERS)
def load(request: pytest.FixtureRequest) -> Callable[[Bundle], Engine]:
    return LOADERS[request.param]


@pytest.fixture(scope="module")
def engine(narrow: Bundle, load: Callable[[Bundle], Engine]) -> Engine:
    loaded = load(narrow)
    loaded.warm_up()
    return loaded


def radiographs(count: int) -> np.ndarray:
    return np.random.default_rng(3).random((count, ROWS, COLUMNS, 1), np.float32)


def sexes(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_predictions_have_the_shapes_of_the_contract(engine: Engine) -> None:
    predictions = engine.predict(radiographs(3), sexes(1, 0, NAN))
    assert predictions.bone_age_months.shape == (3,)
    assert predictions.heat_map.shape == (3, 2, 2)  # 64 px, halved five times
    assert predictions.embedding.shape == (3, 128)  # 2048 channels at a sixteenth
    assert predictions.stage_probabilities is None  # it answers the bone age
    assert all(array.dtype == np.float32 for array in vars(predictions).values() if array is not None)


def test_each_known_sex_selects_its_own_estimate(engine: Engine) -> None:
    predictions = engine.predict(radiographs(2), sexes(1, 0))
    assert predictions.bone_age_months[0] == predictions.bone_age_if_male_months[0]
    assert predictions.bone_age_months[1] == predictions.bone_age_if_female_months[1]
    assert predictions.bone_age_if_male_months[0] != predictions.bone_age_if_female_months[0]


def test_an_unknown_sex_gives_both_estimates_and_no_bone_age(engine: Engine) -> None:
    unknown, male = engine.predict(radiographs(1), sexes(NAN)), engine.predict(radiographs(1), sexes(1))
    assert np.isnan(unknown.bone_age_months).all()
    assert unknown.bone_age_if_female_months == male.bone_age_if_female_months
    assert unknown.bone_age_if_male_months == male.bone_age_if_male_months


def test_a_radiograph_is_assessed_alike_alone_and_in_a_batch(engine: Engine) -> None:
    images = radiographs(4)
    together, alone = engine.predict(images, sexes(1, 0, 1, 0)), engine.predict(images[2:3], sexes(1))
    assert together.bone_age_months[2] == pytest.approx(alone.bone_age_months[0], abs=1e-3)
    assert together.heat_map[2] == pytest.approx(alone.heat_map[0], rel=1e-3, abs=1e-6)


def test_threads_share_one_engine(engine: Engine) -> None:
    images = radiographs(8)
    expected = engine.predict(images, sexes(*[1] * 8)).bone_age_months
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda index: engine.predict(images[index : index + 1], sexes(1)), range(8)))
    assert [one.bone_age_months[0] for one in found] == pytest.approx(expected, abs=1e-3)


def test_images_of_another_size_are_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match=r"expected images \(1, 64, 64, 1\), received \(1, 32, 64, 1\)"):
        engine.predict(radiographs(1)[:, :32], sexes(1))


def test_a_sex_of_one_half_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="expected sex as 1"):
        engine.predict(radiographs(1), sexes(0.5))


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an exported function that finds everybody to be a child, whatever it is shown."""
    import tensorflow as tf

    def answer(image: Any, sex: Any) -> dict[str, Any]:
        none = tf.fill(tf.shape(sex), NAN)
        names = ("bone_age_months", "bone_age_if_female_months", "bone_age_if_male_months")
        stages = tf.tile([[0.5, 0.25, 0.25]], [tf.shape(sex)[0], 1])
        small = image[:, :2, :2, 0]
        return dict.fromkeys(names, none) | {
            "heat_map": small,
            "embedding": small[:, 0],
            "stage_probabilities": stages,
        }

    folder = tmp_path_factory.mktemp("staging")
    inputs = [tf.TensorSpec((None, ROWS, COLUMNS, 1), tf.float32, "image"), tf.TensorSpec((None,), tf.float32, "sex")]
    module = tf.Module()
    module.signature = tf.function(answer, input_signature=inputs)
    tf.saved_model.save(module, str(folder / SAVED_MODEL), signatures={"serving_default": module.signature})
    conversion.convert(folder)
    return folder


def test_a_network_that_answers_stages_gives_their_probabilities(
    staging: Path, load: Callable[[Bundle], Engine]
) -> None:
    facts = {"answers": "stages", "files": file_digests(staging)}
    loaded = load(Bundle(staging, card().model_copy(update=facts), "a" * 64))
    predictions = loaded.predict(radiographs(2), sexes(1, NAN))
    assert predictions.stage_probabilities is not None
    assert predictions.stage_probabilities.tolist() == [[0.5, 0.25, 0.25]] * 2
    assert np.isnan(predictions.bone_age_months).all()


def test_a_network_without_the_stages_that_its_card_promises_is_refused(
    narrow: Bundle, load: Callable[[Bundle], Engine]
) -> None:
    promised = Bundle(narrow.folder, narrow.card.model_copy(update={"answers": "stages"}), narrow.digest)
    with pytest.raises(BundleError, match="the exported function lacks stage_probabilities"):
        load(promised)


@pytest.mark.parametrize("name", LOADERS)
def test_a_graph_that_is_none_is_refused(narrow: Bundle, name: str, tmp_path: Path) -> None:
    shutil.copytree(narrow.folder, tmp_path / "copy")
    for graph in (OPENVINO, f"{SAVED_MODEL}/saved_model.pb"):
        (tmp_path / "copy" / graph).write_text("no graph")
    with pytest.raises(BundleError, match="the network cannot be loaded"):
        LOADERS[name](replace(narrow, folder=tmp_path / "copy"))


def test_importing_the_engines_imports_no_machine_learning() -> None:
    script = "import sys, worker.engines.choice; print({'tensorflow', 'keras', 'openvino'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_device_that_wants_fixed_batches_is_shown_no_others_and_answers_alike(narrow: Bundle) -> None:
    plain = tensorflow.load(narrow)
    shown: list[int] = []

    def noted(image: np.ndarray, sex: np.ndarray) -> Any:
        shown.append(len(image))
        assert len(sex) == len(image)
        return plain._assess(image=image, sex=sex)

    noted.structured_outputs = plain._assess.structured_outputs  # type: ignore[attr-defined]
    fixed = tensorflow.TensorFlowEngine(narrow, noted, batch_sizes=(1, 4))
    fixed.warm_up()
    assert shown == [1, 4]
    for asked, seen in ((1, 1), (3, 4), (4, 4), (5, 5)):  # more than the largest are shown as they are
        images, of_sexes = radiographs(asked), sexes(*(0, 1, NAN, 1, 0)[:asked])
        found, expected = fixed.predict(images, of_sexes), plain.predict(images, of_sexes)
        assert shown.pop() == seen
        assert found.bone_age_months == pytest.approx(expected.bone_age_months, abs=1e-3, nan_ok=True)
        assert found.heat_map == pytest.approx(expected.heat_map, abs=1e-3)
