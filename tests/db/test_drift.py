"""What a week of radiographs looks like beside another, by rows worked out by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.session import transaction
from tests.rows import add_assessment, add_model_version, add_radiograph

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
SUNDAY_NIGHT = MONDAY - timedelta(seconds=1)

pytestmark = pytest.mark.usefixtures("carpus_env")


def came(session: Session, number: int, at: datetime, state: str, took_seconds: float = 1.0, **columns: Any) -> int:
    """Add a radiograph of a girl that came and ended so."""
    ended = {"state": state, "received_at": at, "ended_at": at + timedelta(seconds=took_seconds), "due_at": None}
    return add_radiograph(session, f"1.2.{number}", **{"patient_sex": "F"} | ended | columns)


def drift() -> dict[tuple[datetime, str], Any]:
    with transaction() as session:
        return {(row.week, row.sex): row for row in session.execute(text("SELECT * FROM drift"))}


def test_a_week_begins_on_monday_in_utc_and_each_sex_has_its_row() -> None:
    with transaction() as session:
        came(session, 1, MONDAY, "FAILED")
        came(session, 2, SUNDAY_NIGHT, "FAILED")
        came(session, 3, MONDAY + timedelta(days=6), "FAILED", patient_sex="other")
    before = MONDAY - timedelta(days=7)
    assert {key: row.n_received for key, row in drift().items()} == {
        (MONDAY, "F"): 1,
        (before, "F"): 1,
        (MONDAY, "unknown"): 1,
    }


def test_the_figures_of_a_week_are_what_one_reckons_by_hand() -> None:
    with transaction() as session:
        model = add_model_version(session)
        exact = {"bone_age_months": 110.0, "chronological_age_months": 100.0, "novelty": 0.5, "stage": "child"}
        stated = {"bone_age_months": 150.0, "chronological_age_months": 144.0, "novelty": 1.5, "stage": "adolescent"}
        by_birth, by_age = {"chronological_age_source": "PatientBirthDate"}, {"chronological_age_source": "PatientAge"}
        add_assessment(session, came(session, 1, MONDAY, "COMPLETED", 2.0), model, **exact, **by_birth)
        reviewed = {"review_reasons": ["unlike the radiographs that the model knows"]}
        add_assessment(session, came(session, 2, MONDAY, "COMPLETED", 4.0), model, **stated, **by_age, **reviewed)
        came(session, 3, MONDAY, "REJECTED", 100.0)
        came(session, 4, MONDAY, "FAILED", 100.0)
    (row,) = drift().values()
    assert (row.n_received, row.n_assessed, row.n_with_age) == (4, 2, 2)
    # 110 - 100 = 10; 150 - (144 + 6) = 0
    assert (row.mean_ahead_months, row.sd_ahead_months) == (5.0, pytest.approx(50**0.5))
    assert (row.novelty_share, row.review_share) == (0.5, 0.5)
    assert (row.rejection_share, row.failure_share) == (0.25, 0.25)
    assert (row.latency_p50_ms, row.latency_p95_ms) == (3000.0, pytest.approx(3900.0))


def test_what_is_no_hand_superseded_or_imported_is_left_out() -> None:
    with transaction() as session:
        model = add_model_version(session)
        came(session, 1, MONDAY, "NOT_APPLICABLE")
        came(session, 2, MONDAY, "COMPLETED", superseded_at=MONDAY)
        add_assessment(session, came(session, 3, MONDAY, "COMPLETED"), model, bone_age_months=94.0, engine="imported")
        late = came(session, 4, MONDAY, "COMPLETED")
        add_assessment(session, late, model, bone_age_months=94.0, superseded_at=MONDAY, novelty=9.0)
    (row,) = drift().values()
    assert (row.n_received, row.n_assessed, row.novelty_share) == (1, 0, None)


def test_an_empty_database_has_no_weeks() -> None:
    assert drift() == {}
