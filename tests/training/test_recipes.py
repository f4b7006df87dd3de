"""Every recipe, tiny: fitted, exported, and its bundle served by the worker's own steps down to the row."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from db import states
from db.session import transaction
from db.steps import ASSESS
from db.tables import Assessment
from db.vocabulary import Sex, State
from tests.conftest import CarpusEnvironment
from tests.narrow_bundle import KERAS_ON_NUMPY_2
from tests.rows import add_radiograph
from tests.training.tiny import data, shallow_and_eager, tiny
from training import fit, recipe
from training.phantom import draw
from worker import radiograph
from worker.active import Active
from worker.assess import assess
from worker.bundle import Bundle
from worker.engines import openvino, tensorflow
from worker.serving import Serving
from worker.views import with_views

pytestmark = [
    KERAS_ON_NUMPY_2,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with shallow_and_eager():
        yield


def served(made: Bundle, store: Path) -> Assessment:
    """Assess a girl's hand with a bundle, as a worker does."""
    standard = "standard/00/1.2.3.1.npy"
    sha256 = radiograph.save(draw(120.0, Sex.FEMALE, 1, rows=200).image, store / standard, store / "incoming")
    with transaction() as session:
        columns = {"standard_path": standard, "standard_sha256": sha256, "patient_sex": "F"}
        claim = states.claim(session, add_radiograph(session, state=State.READ, **columns), ASSESS, 60)
    assert claim is not None
    active = Active(made, with_views(tensorflow.load(made), made.card.views), "tensorflow", made.card.views)
    assess(claim, Serving(active))
    with transaction() as session:
        return session.scalars(select(Assessment)).one()


@pytest.mark.parametrize("name", recipe.shipped())
def test_every_recipe_ends_in_a_bundle_that_a_worker_serves(
    name: str, carpus_env: CarpusEnvironment, tmp_path: Path
) -> None:
    wanted = tiny(name)
    made = fit.fit(wanted, data(), tmp_path / "made", tmp_path / "work", processes=1)
    assert made is not None
    assert openvino.has_graph(made)  # which the export has compared with TensorFlow's
    row = served(made, carpus_env.store)
    heat_map = np.array(row.heat_map)
    assert heat_map.ndim == 2
    assert heat_map.shape[0] == heat_map.shape[1]
    assert np.isfinite(heat_map).all()
    probabilities = (row.stage_probability_child, row.stage_probability_adolescent, row.stage_probability_adult)
    if wanted.head.answers == "stages":
        assert (row.bone_age_months, row.bone_age_if_female_months, row.bone_age_if_male_months) == (None, None, None)
        assert sum(one or 0 for one in probabilities) == pytest.approx(1)
        assert row.stage is not None
    else:
        assert row.bone_age_months == row.bone_age_if_female_months
        is_alike = row.bone_age_if_female_months == row.bone_age_if_male_months
        # What has learned nothing may answer less than 0 months, which is 0 under either sex.
        assert is_alike != wanted.head.takes_sex or row.bone_age_months == 0
        assert row.sex_used == ("F" if wanted.head.takes_sex else None)
