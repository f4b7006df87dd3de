"""What the views show, by rows worked out by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db.session import transaction
from db.tables import ReferenceRead
from db.vocabulary import CalibratedOn, State
from tests.rows import add_assessment, add_model_version, add_radiograph
from worker import brush
from worker.calibration import NOT_ON_RADIOGRAPHS

pytestmark = pytest.mark.usefixtures("carpus_env")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENDED: dict[str, Any] = {"state": State.COMPLETED, "due_at": None, "ended_at": NOON + timedelta(seconds=2)}


def _all(view: str) -> list[dict[str, Any]]:
    with transaction() as session:
        return [dict(row) for row in session.execute(text(f"SELECT * FROM {view} ORDER BY radiograph_id")).mappings()]


def test_result_shows_estimate_difference_reference_and_latency() -> None:
    with transaction() as session:
        radiograph_id = add_radiograph(session, patient_sex="F", patient_id="P1", received_at=NOON, **ENDED)
        add_assessment(
            session,
            radiograph_id,
            add_model_version(session),
            sex_used="F",
            sex_source="PatientSex",
            bone_age_months=100.0,
            bone_age_if_female_months=100.0,
            bone_age_if_male_months=113.0,
            stage="child",
        )
        for reader, months in (("A", 90.0), ("B", 94.0)):
            session.add(ReferenceRead(radiograph_id=radiograph_id, reader=reader, method="GP", bone_age_months=months))
    (row,) = _all("result")
    assert row["sex_effect_months"] == 13.0
    assert row["reference_bone_age_months"] == 92.0
    assert row["error_months"] == 8.0
    assert row["latency_ms"] == 2000.0
    assert row["heat_map"] == [[0.0, 1.0], [0.5, 0.25]]
    assert row["model_intended_use"] == "demonstration"
    assert row["model_preprocessing"] == {"rows": 64, "columns": 64}
    assert _all("worklist") == []


@pytest.mark.parametrize("view", ["result", "reads", "reading_lists"])
def test_every_column_of_a_view_is_explained_in_the_readme(view: str) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    with transaction() as session:
        columns = list(session.execute(text(f"SELECT * FROM {view}")).keys())
    assert [column for column in columns if f"`{column}`" not in readme] == []


def test_superseded_radiographs_and_assessments_are_never_shown() -> None:
    with transaction() as session:
        model = add_model_version(session)
        old = add_radiograph(session, **ENDED, superseded_at=NOON)
        add_assessment(session, old, model, bone_age_months=10.0, superseded_at=NOON)
        replaced = add_radiograph(session, "1.2.4", **ENDED)
        add_assessment(session, replaced, model, bone_age_months=20.0, superseded_at=NOON)
        add_assessment(session, replaced, add_model_version(session, "1" * 64), bone_age_months=30.0)
        add_radiograph(session, "1.2.5", superseded_at=NOON)
    assert [row["bone_age_months"] for row in _all("result")] == [30.0]
    assert _all("worklist") == []


def test_worklist_shows_what_is_on_its_way_and_what_waits_for_a_person() -> None:
    end = {"due_at": None, "ended_at": NOON}
    with transaction() as session:
        add_radiograph(session, "1.1")
        add_radiograph(session, "1.2", state=State.REJECTED, state_reason="no pixel data", **end)
        add_radiograph(session, "1.3", state=State.FAILED, state_reason="the worker died", **end)
        add_radiograph(session, "1.4", state=State.NOT_APPLICABLE, state_reason="a chest", **end)
        unknown = add_radiograph(session, "1.5", patient_sex="other", **ENDED)
        add_assessment(
            session,
            unknown,
            add_model_version(session),
            bone_age_if_female_months=100.0,
            bone_age_if_male_months=113.0,
        )
    rows = _all("worklist")
    assert [(row["sop_instance_uid"], row["state"], row["needs_person"]) for row in rows] == [
        ("1.1", "RECEIVED", False),
        ("1.2", "REJECTED", True),
        ("1.3", "FAILED", True),
        ("1.5", "COMPLETED", True),
    ]
    assert rows[3]["state_reason"].startswith("PatientSex (0010,0040) is other")
    assert (rows[3]["bone_age_if_female_months"], rows[3]["bone_age_if_male_months"]) == (100.0, 113.0)
    assert len(_all("result")) == 1  # the estimates under both sexes are a result too, without a headline


@pytest.mark.parametrize(
    ("calibrated_on", "caveat"),
    [
        (CalibratedOn.DRAWN_HANDS, NOT_ON_RADIOGRAPHS),
        (CalibratedOn.RADIOGRAPHS, None),
    ],
)
def test_an_interval_is_shown_with_its_caveat(calibrated_on: CalibratedOn, caveat: str | None) -> None:
    columns = {
        "bone_age_months": 100.0,
        "bone_age_low_months": 90.0,
        "bone_age_high_months": 110.0,
        "interval_calibrated_on": calibrated_on,
        "stage_probability_child": 0.75,
        "stage_probability_adolescent": 0.25,
        "stage_probability_adult": 0.0,
    }
    with transaction() as session:
        radiograph_id = add_radiograph(session, **ENDED)
        add_assessment(session, radiograph_id, add_model_version(session), **columns)
    (row,) = _all("result")
    assert {name: row[name] for name in columns} == columns
    assert row["interval_caveat"] == caveat


def test_a_result_says_which_hand_it_is_and_appears_to_be() -> None:
    with transaction() as session:
        model = add_model_version(session)
        add_assessment(session, add_radiograph(session, "1.1", laterality="R", **ENDED), model, apparent_side="left")
        add_assessment(session, add_radiograph(session, "1.2", **ENDED), model)
    told = [(row["laterality"], row["apparent_side"]) for row in _all("result")]
    assert told == [("R", "left"), (None, None)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("laterality", "B"),
        ("view_position", "LL"),
        ("patient_orientation", "L"),
        ("patient_orientation", "L/H"),
        ("patient_orientation", "L\\X"),
        ("patient_orientation", "L\\H\\A"),
    ],
)
def test_the_database_refuses_an_impossible_side(column: str, value: str) -> None:
    with pytest.raises(IntegrityError, match=f"ck_radiograph_{column}"), transaction() as session:
        add_radiograph(session, **{column: value})


def test_a_result_without_interval_has_no_caveat() -> None:
    with transaction() as session:
        add_assessment(session, add_radiograph(session, **ENDED), add_model_version(session), bone_age_months=100.0)
    (row,) = _all("result")
    assert (row["bone_age_low_months"], row["bone_age_high_months"], row["interval_caveat"]) == (None, None, None)


def test_a_stage_without_bone_age_waits_for_a_person_only_where_the_sexes_disagree() -> None:
    with transaction() as session:
        model = add_model_version(session)
        add_assessment(session, add_radiograph(session, "1.1", patient_sex="F", **ENDED), model, stage="child")
        add_assessment(session, add_radiograph(session, "1.2", patient_sex="other", **ENDED), model, stage="child")
        add_assessment(session, add_radiograph(session, "1.3", patient_sex="other", **ENDED), model)
    (row,) = _all("worklist")
    assert (row["sop_instance_uid"], row["needs_person"]) == ("1.3", True)
    assert row["state_reason"] == "PatientSex (0010,0040) is other: the stage is another under either sex"
    assert len(_all("result")) == 3


INTERVAL = {
    "bone_age_months": 100.0,
    "bone_age_low_months": 90.0,
    "bone_age_high_months": 110.0,
    "interval_calibrated_on": "drawn hands",
}


INTERVAL_UNKNOWN: dict[str, Any] = {
    "bone_age_low_months": None,
    "bone_age_high_months": None,
    "interval_calibrated_on": None,
}
AGED = {
    "chronological_age_months": 100.0,
    "chronological_age_source": "PatientAge",
    "chronological_age_span_months": 12.0,
}
SCORED = (
    INTERVAL
    | AGED
    | {
        "bone_age_sds": 0.0,
        "bone_age_low_sds": -2.0,
        "bone_age_high_sds": 1.0,
        "probability_delayed": 0.2,
        "probability_normal": 0.8,
        "probability_advanced": 0.0,
        "maturity": "normal",
    }
)


def test_a_score_is_shown_with_its_source_and_a_bone_age_in_words() -> None:
    with transaction() as session:
        model = add_model_version(session)
        add_assessment(session, add_radiograph(session, "1.1", **ENDED), model, **SCORED)
        columns = {"bone_age_months": 119.6, "sds_unknown_because": "the sex is not known"}
        add_assessment(session, add_radiograph(session, "1.2", **ENDED), model, **columns)
    scored, unknown = _all("result")
    assert {name: scored[name] for name in SCORED} == SCORED
    assert scored["sds_source"] == brush.SOURCE
    assert (scored["bone_age_in_words"], unknown["bone_age_in_words"]) == ("8 years 4 months", "10 years 0 months")
    assert (unknown["sds_unknown_because"], unknown["sds_source"]) == ("the sex is not known", None)


def _probabilities(child: float, adolescent: float, adult: float | None) -> dict[str, float | None]:
    return {
        "stage_probability_child": child,
        "stage_probability_adolescent": adolescent,
        "stage_probability_adult": adult,
    }


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        (INTERVAL | {"bone_age_low_months": 100.1}, "interval_holds_bone_age"),
        (INTERVAL | {"bone_age_high_months": 99.9}, "interval_holds_bone_age"),
        (INTERVAL | {"bone_age_low_months": -0.1}, "bone_age_low_months"),
        (INTERVAL | {"bone_age_high_months": 300.1}, "bone_age_high_months"),
        (INTERVAL | {"bone_age_months": None}, "interval_is_whole"),
        (INTERVAL | {"bone_age_low_months": None}, "interval_is_whole"),
        (INTERVAL | {"interval_calibrated_on": None}, "interval_is_whole"),
        (INTERVAL | {"interval_calibrated_on": "hands"}, "interval_calibrated_on"),
        (_probabilities(0.5, 0.5, None), "stage_probabilities_are_whole"),
        (_probabilities(0.5, 0.5, 0.5), "stage_probabilities_sum_to_1"),
        (_probabilities(0.5, float("nan"), 0.5), "stage_probabilities_sum_to_1"),
        (_probabilities(-0.1, 0.5, 0.6), "stage_probability_child"),
        (_probabilities(0.6, -0.1, 0.5), "stage_probability_adolescent"),
        (_probabilities(0.5, 0.6, -0.1), "stage_probability_adult"),
        ({"bone_age_months": -0.1}, "bone_age_months"),
        ({"bone_age_months": 300.1}, "bone_age_months"),
        ({"stage": "infant"}, "stage"),
        ({"sex_used": "M"}, "sex_has_source"),
        ({"chronological_age_months": 1.0}, "age_has_source"),
        ({"chronological_age_span_months": 1.0}, "age_span"),
        (AGED | {"chronological_age_span_months": -1.0}, "age_span"),
        (SCORED | {"sds_unknown_because": "the sex is not known"}, "sds_or_reason"),
        ({"sds_unknown_because": "nobody asked"}, "sds_unknown_because"),
        (AGED | {"bone_age_sds": 0.0}, "sds"),
        (INTERVAL | {"bone_age_sds": 0.0}, "sds"),
        (SCORED | {"bone_age_low_sds": 0.1}, "interval_holds_sds"),
        (SCORED | {"bone_age_high_sds": None}, "sds_interval_is_whole"),
        (SCORED | INTERVAL_UNKNOWN, "sds_interval_is_whole"),
        (SCORED | {"maturity": None}, "maturity_is_whole"),
        (SCORED | {"maturity": "old"}, "maturity"),
        (SCORED | {"probability_normal": None}, "maturity_is_whole"),
        (SCORED | {"probability_normal": 0.9}, "maturity_sums_to_1"),
        ({"apparent_side": "L"}, "apparent_side"),
        ({"notes": ["mirrored"]}, "notes"),
        ({"review_reasons": ["turned"]}, "review_reasons"),
        (SCORED | {"probability_delayed": -0.1, "probability_advanced": 0.3}, "probability_delayed"),
    ],
)
def test_the_database_refuses_an_impossible_assessment(columns: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=f"ck_assessment_{constraint}"), transaction() as session:
        add_assessment(session, add_radiograph(session), add_model_version(session), **columns)


@pytest.mark.parametrize("uid", ["1.2.3/../4", "", "a", "1." + "2" * 63])
def test_the_database_refuses_what_is_no_uid(uid: str) -> None:
    with pytest.raises(IntegrityError, match="ck_radiograph_sop_instance_uid"), transaction() as session:
        add_radiograph(session, uid)
