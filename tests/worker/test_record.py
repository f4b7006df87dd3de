"""What is written of an assessment, and what happens when it is written late or twice."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select, update

from db import states
from db.session import transaction
from db.states import Claim, LapsedClaimError
from db.steps import ASSESS
from db.tables import Assessment, Radiograph
from db.vocabulary import AgeSource, SdsUnknown, Sex, Stage, State
from tests.narrow_bundle import card
from tests.rows import add_assessment, add_model_version, add_radiograph
from worker.active import Active, model_version_id
from worker.bundle import Bundle
from worker.engines import Engine, Float32, Predictions
from worker.estimate import estimate
from worker.explain import HeatMap
from worker.record import Finding, Timings, record
from worker.stage import stage_of

pytestmark = pytest.mark.usefixtures("carpus_env")

NAN = float("nan")
HEAT_MAP = HeatMap(np.array([[0.0, 1.0]], np.float32), 2.5)
TIMINGS = Timings(preprocess_ms=1.0, predict_ms=2.0)


class _NoEngine:
    def warm_up(self) -> None:
        raise AssertionError("nothing is predicted here")

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        raise AssertionError("nothing is predicted here")


def _active(takes_sex: bool = True, digest: str = "a" * 64) -> Active:
    engine: Engine = _NoEngine()
    return Active(Bundle(Path(), card().model_copy(update={"takes_sex": takes_sex}), digest), engine, "test")


def _record(claim: Claim, active: Active, headline: float, if_female: float, if_male: float) -> None:
    months = (np.array([value], np.float32) for value in (headline, if_female, if_male))
    unused = np.zeros((1, 1, 1), np.float32)
    estimated = estimate(Predictions(*months, heat_map=unused, embedding=unused[0]))
    record(claim, active, Finding(estimated, stage_of(estimated), HEAT_MAP, TIMINGS, SdsUnknown.SEX))


def _claimed(**columns: object) -> Claim:
    with transaction() as session:
        radiograph_id = add_radiograph(session, state=State.READ, **columns)
        claim = states.claim(session, radiograph_id, ASSESS, 60)
    assert claim is not None
    return claim


def _assessments() -> list[Assessment]:
    with transaction() as session:
        return list(session.scalars(select(Assessment).order_by(Assessment.id)))


def test_an_assessment_holds_what_a_gender_audit_needs() -> None:
    claim = _claimed(patient_sex="M", chronological_age_months=130.0, chronological_age_source=AgeSource.PATIENT_AGE)
    _record(claim, _active(), 125.0, 110.0, 125.0)
    (row,) = _assessments()
    assert (row.sex_used, row.sex_source, row.stage) == (Sex.MALE, "PatientSex", Stage.ADOLESCENT)
    assert (row.bone_age_months, row.bone_age_if_female_months, row.bone_age_if_male_months) == (125.0, 110.0, 125.0)
    assert row.sex_effect_months == 15.0
    assert (row.chronological_age_months, row.chronological_age_source) == (130.0, AgeSource.PATIENT_AGE)
    assert (row.heat_map, row.heat_map_peak_months) == ([[0.0, 1.0]], 2.5)


@pytest.mark.parametrize(("if_male", "stage"), [(119.0, Stage.CHILD), (121.0, None)])
def test_an_unknown_sex_has_no_headline_and_a_stage_only_by_agreement(if_male: float, stage: Stage | None) -> None:
    _record(_claimed(patient_sex="other"), _active(), NAN, 100.0, if_male)
    (row,) = _assessments()
    assert (row.sex_used, row.sex_source, row.bone_age_months, row.stage) == (None, None, None, stage)


def test_a_network_without_sex_input_gives_its_number_whatever_the_sex() -> None:
    _record(_claimed(patient_sex="missing"), _active(takes_sex=False), 90.0, 90.0, 90.0)
    (row,) = _assessments()
    assert (row.sex_used, row.bone_age_months, row.stage) == (None, 90.0, Stage.CHILD)


def test_estimates_are_clipped_to_what_a_bone_age_can_be() -> None:
    _record(_claimed(patient_sex="F"), _active(), -4.0, -4.0, 301.0)
    (row,) = _assessments()
    assert (row.bone_age_months, row.bone_age_if_female_months, row.bone_age_if_male_months) == (0.0, 0.0, 300.0)


def test_a_worker_whose_claim_lapsed_writes_no_assessment() -> None:
    claim = _claimed(patient_sex="F")
    with transaction() as session:
        session.execute(update(Radiograph).values(claims=2))
    with pytest.raises(LapsedClaimError):
        _record(claim, _active(), 90.0, 90.0, 95.0)
    assert _assessments() == []


def test_an_assessment_of_a_revision_superseded_meanwhile_is_marked_superseded() -> None:
    claim = _claimed(patient_sex="F")
    with transaction() as session:
        session.execute(update(Radiograph).values(superseded_at=func.now()))
    _record(claim, _active(), 90.0, 90.0, 95.0)
    (row,) = _assessments()
    assert row.superseded_at is not None


def test_a_model_version_whose_commit_failed_is_not_taken_for_known() -> None:
    with pytest.raises(ZeroDivisionError), transaction() as session:
        assert model_version_id(session, _active().bundle) is not None
        raise ZeroDivisionError
    _record(_claimed(patient_sex="F"), _active(), 90.0, 90.0, 95.0)
    assert len(_assessments()) == 1


def test_a_later_model_version_supersedes_the_earlier_one() -> None:
    claim = _claimed(patient_sex="F")
    with transaction() as session:
        add_assessment(session, claim.radiograph.id, add_model_version(session), bone_age_months=80.0)
    _record(claim, _active(), 90.0, 90.0, 95.0)
    earlier, later = _assessments()
    assert earlier.superseded_at is not None
    assert (later.superseded_at, later.bone_age_months) == (None, 90.0)


def test_written_twice_for_the_same_model_version_the_first_stands() -> None:
    claim = _claimed(patient_sex="F")
    _record(claim, _active(), 90.0, 90.0, 95.0)
    with transaction() as session:
        session.execute(update(Radiograph).values(state=State.ASSESSING, attempts=1, due_at=func.now(), ended_at=None))
    _record(claim, _active(), 50.0, 50.0, 55.0)
    (row,) = _assessments()
    assert row.bone_age_months == 90.0
