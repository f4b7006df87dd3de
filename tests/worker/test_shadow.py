"""A shadow assesses beside the active version: kept and compared, and never anybody's result."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select, text, update

from db import states
from db.errors import BundleError
from db.session import transaction
from db.steps import ASSESS
from db.tables import Assessment, ModelVersion, Radiograph, ReadingList, ReadingListItem, ReferenceRead
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.narrow_bundle import card
from tests.rows import add_radiograph
from worker import radiograph
from worker.active import Active
from worker.assess import assess
from worker.bundle import Bundle
from worker.engines import Float32, Predictions
from worker.serving import Serving

PICTURE = np.full((80, 60), 30_000, np.uint16)


class _Engine:
    def __init__(self, months: float) -> None:
        self.months = months

    def warm_up(self) -> None:
        raise AssertionError("nothing is warmed up here")

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        if self.months < 0:
            raise BundleError("a broken shadow")
        months = np.full(len(sex), self.months, np.float32)
        return Predictions(months, months, months, np.ones((len(sex), 2, 2), np.float32), np.zeros((len(sex), 4)))


def version(number: int, months: float) -> Active:
    made = card().model_copy(update={"version": f"0.0.{number}"})
    return Active(Bundle(Path(), made, f"{number}" * 64), _Engine(months), "test")


def claimed(store: Path, uid: str = "1.2.3", patient_sex: str = "F") -> states.Claim:
    standard = f"standard/00/{uid}.1.npy"
    sha256 = radiograph.save(PICTURE, store / standard, store / "incoming")
    with transaction() as session:
        columns = {"standard_path": standard, "standard_sha256": sha256, "patient_sex": patient_sex}
        claim = states.claim(session, add_radiograph(session, uid, state=State.READ, **columns), ASSESS, 60)
    assert claim is not None
    return claim


def again(claim: states.Claim) -> states.Claim:
    """Let the radiograph be assessed once more."""
    with transaction() as session:
        waiting = {"state": State.READ, "ended_at": None, "due_at": func.now()}
        session.execute(update(Radiograph).where(Radiograph.id == claim.radiograph.id).values(waiting))
        taken = states.claim(session, claim.radiograph.id, ASSESS, 60)
    assert taken is not None
    return taken


def rows(statement: str) -> list[tuple[Any, ...]]:
    with transaction() as session:
        return [tuple(row) for row in session.execute(text(statement))]


ASSESSED = (
    "SELECT m.version, a.bone_age_months, a.is_shadow, a.superseded_at IS NULL"
    " FROM assessment AS a JOIN model_version AS m ON m.id = a.model_version_id ORDER BY a.id"
)
RESULTS = "SELECT model_version, bone_age_months FROM result"


def test_a_shadow_is_stored_beside_the_result_and_not_shown(carpus_env: CarpusEnvironment) -> None:
    assess(claimed(carpus_env.store), Serving(version(1, 90), version(2, 99)))
    assert rows(ASSESSED) == [("0.0.1", 90.0, False, True), ("0.0.2", 99.0, True, True)]
    assert rows(RESULTS) == [("0.0.1", 90.0)]
    assert rows("SELECT n_assessed FROM drift") == [(1,)]
    with transaction() as session:
        assert session.scalars(select(Radiograph.state)).one() == State.COMPLETED


def test_assessed_twice_the_shadow_has_one_row_and_the_result_stands(carpus_env: CarpusEnvironment) -> None:
    claim = claimed(carpus_env.store)
    serving = Serving(version(1, 90), version(2, 99))
    assess(claim, serving)
    assess(again(claim), serving)
    assert rows(ASSESSED) == [("0.0.1", 90.0, False, True), ("0.0.2", 99.0, True, True)]


def test_a_promoted_shadow_s_row_becomes_the_result_when_it_assesses_again(carpus_env: CarpusEnvironment) -> None:
    claim = claimed(carpus_env.store)
    assess(claim, Serving(version(1, 90), version(2, 99)))
    assess(again(claim), Serving(version(2, 99)))
    assert rows(ASSESSED) == [("0.0.1", 90.0, False, False), ("0.0.2", 99.0, False, True)]
    assert rows(RESULTS) == [("0.0.2", 99.0)]


@pytest.mark.parametrize("months", [-1.0, float("nan")])
def test_a_shadow_s_trouble_leaves_the_result(carpus_env: CarpusEnvironment, months: float) -> None:
    assess(claimed(carpus_env.store), Serving(version(1, 90), version(2, months)))
    assert rows(ASSESSED) == [("0.0.1", 90.0, False, True)]
    assert rows("SELECT state FROM radiograph") == [("COMPLETED",)]


def test_shadow_and_result_are_compared_by_sex_and_on_what_was_read(carpus_env: CarpusEnvironment) -> None:
    # Girls: the shadow says 4 and 14 more; read are 94 and 100. Boys: 2 less, not read in a way that counts.
    made = [("1.2.1", "F", 90.0, 94.0), ("1.2.2", "F", 100.0, 114.0), ("1.2.3", "M", 80.0, 78.0)]
    for uid, sex, months, shadow_months in made:
        assess(claimed(carpus_env.store, uid, sex), Serving(version(1, months), version(2, shadow_months)))
    with transaction() as session:
        session.add(ReadingList(id=1, seed=1))
        session.flush()
        for radiograph_id, months in ((1, 94.0), (2, 100.0)):
            session.add(ReadingListItem(reading_list_id=1, radiograph_id=radiograph_id, position=radiograph_id))
            session.flush()
            session.add(
                ReferenceRead(
                    radiograph_id=radiograph_id,
                    reading_list_id=1,
                    is_blinded=True,
                    reader="A",
                    method="GP",
                    bone_age_months=months,
                )
            )
        session.add(ReferenceRead(radiograph_id=3, reader="A", method="GP", bone_age_months=78.0))
    with transaction() as session:
        girls, boys = session.execute(text("SELECT * FROM model_comparison ORDER BY sex")).mappings()
    assert (girls["sex"], girls["shadow_model_version"], girls["model_version"]) == ("F", "0.0.2", "0.0.1")
    assert (girls["n"], girls["mean_difference_months"], girls["largest_difference_months"]) == (2, 9.0, 14.0)
    assert girls["difference_sd_months"] == pytest.approx(50**0.5)
    assert (girls["over_12_months"], girls["same_stage"]) == (0.5, 1.0)
    assert (girls["n_read"], girls["mae_months"], girls["shadow_mae_months"]) == (2, 2.0, 7.0)
    assert (boys["n"], boys["mean_difference_months"], boys["mean_absolute_difference_months"]) == (1, -2.0, 2.0)
    assert (boys["n_read"], boys["mae_months"], boys["difference_sd_months"]) == (0, None, None)


def test_the_audit_judges_a_shadow_as_any_version(carpus_env: CarpusEnvironment) -> None:
    assess(claimed(carpus_env.store), Serving(version(1, 90), version(2, 99)))
    assert rows("SELECT model_version, n_assessed FROM gender_audit ORDER BY model_version") == [
        ("0.0.1", 1),
        ("0.0.2", 1),
    ]
    with transaction() as session:
        assert len(session.scalars(select(Assessment)).all()) == len(session.scalars(select(ModelVersion)).all()) == 2
