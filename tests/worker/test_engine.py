import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.narrow_bundle import COLUMNS, KERAS_ON_NUMPY_2, ROWS, export_narrow
from worker.engines import Engine, tensorflow

pytestmark = KERAS_ON_NUMPY_2

NAN = float("nan")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    loaded = tensorflow.load(export_narrow(tmp_path_factory.mktemp("bundle") / "narrow"))
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
    assert all(array.dtype == np.float32 for array in vars(predictions).values())


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


def test_importing_the_engine_does_not_import_tensorflow() -> None:
    script = (
        "import sys, worker.engines.tensorflow, worker.preprocess; print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
