"""The gender audit in SQL: by rows worked out by hand, and as numpy gives it on real predictions."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from rich.console import Console
from sqlalchemy import text

from carpus import import_predictions
from db.roles import Role
from db.session import transaction
from tests.audited import add_judged, by_sex, figures, gap, gaps, read, rows
from tests.conftest import CarpusEnvironment
from tests.rows import add_assessment, add_model_version, add_radiograph
from training.predictions import Predictions, load
from training.report.significance import changes_diagnosis
from worker import brush

pytestmark = pytest.mark.usefixtures("carpus_env")
VIEWS = ("gender_audit", "gender_audit_gap", "gender_audit_radiograph")
AGED = {"chronological_age_source": "PatientBirthDate"}


@pytest.fixture
def real(carpus_env: CarpusEnvironment, shared_data: Path) -> list[Predictions]:
    """Both networks' predictions for 2,135 radiographs, imported."""
    table = shared_data / "reference_predictions.csv"
    import_predictions.run(table, Console(quiet=True), is_removal=False)
    return load(table)


def test_an_empty_database_has_no_audit() -> None:
    assert [rows(view) for view in VIEWS] == [[], [], []]


def test_real_predictions_have_in_sql_the_figures_that_numpy_gives(real: list[Predictions]) -> None:
    found = {(row["model_name"], row["sex"]): row for row in rows("gender_audit")}
    assert len(found) == 4
    for model in real:
        error = model.predicted_months - model.reference_months
        for sex, of_sex in (("M", model.is_male), ("F", ~model.is_male)):
            row = found[model.name, sex]
            expected = figures(model.reference_months[of_sex], error[of_sex])
            assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-6)
            assert row["n"] == of_sex.sum()
            assert row["within_12_months"] == pytest.approx(np.mean(np.abs(error[of_sex]) <= 12), abs=1e-6)
        told = {key: row["gap"] for key, row in gaps(model.name).items()}
        expected_gaps = gap(model.reference_months, error, model.is_male, np.ones_like(error))
        assert told == pytest.approx(expected_gaps, abs=1e-6)
        assert len(told) == 7


def test_the_interval_of_a_bootstrap_of_patients_is_the_closed_one(real: list[Predictions]) -> None:
    model, rng = real[0], np.random.default_rng(0)
    error, n = model.predicted_months - model.reference_months, len(model.names)
    taken = rng.multinomial(n, np.full(n, 1 / n), 1000).astype(np.float64)
    samples = [gap(model.reference_months, error, model.is_male, counts) for counts in taken]
    for key, row in gaps(model.name).items():
        low, high = np.percentile([sample[key] for sample in samples], (2.5, 97.5))
        assert row["gap_high"] - row["gap_low"] == pytest.approx(high - low, rel=0.1), key
        assert (row["gap_low"], row["gap_high"]) == pytest.approx((low, high), abs=0.1 * (high - low)), key


# Each radiograph once more, of the same patient, with the same assessment and read.
_TWINS = """
INSERT INTO radiograph (sop_instance_uid, revision, sha256, size_bytes, transfer_syntax_uid, object_path, state,
    ended_at, patient_id_issuer, patient_id, patient_sex, due_at)
SELECT sop_instance_uid || '.1', 1, sha256, 1, '1.2', object_path, state, ended_at,
    patient_id_issuer, patient_id, patient_sex, NULL FROM radiograph;
CREATE TEMPORARY TABLE pair ON COMMIT DROP AS SELECT r.id AS radiograph_id, twin.id AS twin_id
FROM radiograph AS r INNER JOIN radiograph AS twin ON twin.sop_instance_uid = r.sop_instance_uid || '.1';
INSERT INTO assessment (radiograph_id, model_version_id, bone_age_months, heat_map, heat_map_peak_months, engine,
    queue_ms, preprocess_ms, predict_ms, record_ms)
SELECT twin_id, model_version_id, bone_age_months, heat_map, 0, engine, 0, 0, 0, 0
FROM assessment INNER JOIN pair USING (radiograph_id);
INSERT INTO reading_list_item
SELECT reading_list_id, twin_id, position + 10000 FROM reading_list_item INNER JOIN pair USING (radiograph_id);
INSERT INTO reference_read (radiograph_id, reader, method, bone_age_months, reading_list_id, is_blinded)
SELECT twin_id, reader, method, bone_age_months, reading_list_id, TRUE
FROM reference_read INNER JOIN pair USING (radiograph_id);
ANALYZE radiograph, assessment, reading_list_item, reference_read
"""


def test_radiographs_of_one_patient_count_as_one(real: list[Predictions]) -> None:
    before = gaps(real[0].name)
    with transaction() as session:
        for statement in _TWINS.split(";"):
            session.execute(text(statement))
    for key, row in gaps(real[0].name).items():
        assert row["n"] > before[key]["n"]
        assert row["male_patients"] == before[key]["male_patients"]
        told, expected = ([one[name] for name in ("gap", "gap_low", "gap_high")] for one in (row, before[key]))
        if row["n"] == 2 * before[key]["n"]:  # an age group with 3 radiographs of a sex has 6 then
            assert told == pytest.approx(expected, abs=1e-6), key


def test_a_constant_shift_moves_r2_and_not_regr_r2(real: list[Predictions]) -> None:
    squared_correlation = (
        "SELECT regr_r2(bone_age_months, reference_months) FROM gender_audit_radiograph"
        " WHERE patient_sex = 'F' AND model_version_id = 1"
    )

    def told() -> tuple[float, Any]:
        with transaction() as session:
            return by_sex()["F"]["r2"], session.scalar(text(squared_correlation))

    with transaction() as session:
        session.execute(text("DELETE FROM assessment WHERE model_version_id = 2"))
    r2, correlation = told()
    with transaction() as session:
        session.execute(text("UPDATE assessment SET bone_age_months = bone_age_months + 10"))
    shifted_r2, shifted_correlation = told()
    assert shifted_correlation == pytest.approx(correlation, abs=1e-9)
    assert shifted_r2 < r2 - 0.03


def test_figures_by_hand() -> None:
    interval = {"bone_age_low_months": 95.0, "bone_age_high_months": 125.0, "interval_calibrated_on": "radiographs"}
    with transaction() as session:
        model = add_model_version(session)
        under = {"bone_age_if_female_months": 110.0, "bone_age_if_male_months": 114.0}
        add_judged(session, model, 1, "F", 100.0, 110.0, stage="child", novelty=1.5, **under, **interval)
        add_judged(session, model, 2, "F", 130.0, 110.0, stage="child", novelty=0.5, **interval)
        add_judged(session, model, 3, "other", 100.0, 101.0)
        add_judged(session, model, 4, "missing", 100.0, None)
        ended = {"state": "COMPLETED", "due_at": None, "ended_at": text("now()")}
        add_assessment(session, add_radiograph(session, "1.3", patient_sex="M", **ended), model, bone_age_months=90.0)
    found = by_sex()
    assert set(found) == {"F", "M", "unknown"}
    girls = found["F"]
    assert (girls["n_assessed"], girls["n"], girls["n_other_reads"]) == (2, 2, 0)
    assert (girls["mae_months"], girls["bias_months"], girls["within_12_months"]) == (15.0, -5.0, 0.5)
    assert girls["rmse_months"] == pytest.approx(250**0.5)
    assert girls["r2"] == pytest.approx(1 - 500 / 450)
    assert (girls["interval_coverage"], girls["recall_child"], girls["recall_adolescent"]) == (0.5, 1.0, 0.0)
    assert girls["recall_adult"] is None
    assert (girls["novelty_flags"], girls["mean_sex_effect_months"]) == (0.5, 4.0)
    assert (found["M"]["n_assessed"], found["M"]["n"], found["M"]["mae_months"]) == (1, 0, None)
    unknown = found["unknown"]
    assert [unknown[name] for name in ("n_assessed", "n", "n_without_bone_age", "mae_months")] == [2, 1, 1, 1.0]
    assert rows("gender_audit_gap") == []  # of one sex there is none


def test_significant_errors_are_those_of_the_report() -> None:
    rng = np.random.default_rng(1)
    ages = [3.0, 2.9, 204.0, 204.1, 192.0, 192.1, *rng.uniform(3, 192, 60)]
    is_male = np.arange(len(ages)) % 2 == 0
    reference = np.array([max(0.0, age + rng.normal(0, 20)) for age in ages])
    predicted = np.maximum(0, reference + rng.normal(0, 12, len(ages)))
    with transaction() as session:
        model = add_model_version(session)
        for number, age in enumerate(ages):
            sex, told = "M" if is_male[number] else "F", {"chronological_age_months": float(age), **AGED}
            add_judged(session, model, number, sex, float(reference[number]), float(predicted[number]), **told)
    changed = changes_diagnosis(
        Predictions("", reference, predicted, is_male, chronological_age_months=np.array(ages, np.float64))
    )
    for sex, row in by_sex().items():
        of_sex = changed[is_male == (sex == "M")]
        assert row["n_with_age"] == np.isfinite(of_sex).sum()
        assert row["clinically_significant_errors"] == pytest.approx(np.nanmean(of_sex), abs=1e-12)


def test_the_view_holds_the_brush_table() -> None:
    sql = (Path(__file__).parents[2] / "db/views/gender_audit.sql").read_text()
    with Path(brush.__file__).with_name("brush_foundation_sd.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    arrays = [part.split("]")[0].split() for part in sql.split("ARRAY[")[1:5]]
    told = [[float(number.strip(",")) for number in array] for array in arrays]
    expected = [
        [float(row[column]) for row in table if row["sex"] == sex]
        for sex in "MF"
        for column in ("chronological_age_months", "sd_months")
    ]
    assert told == expected


def test_reads_that_were_not_sampled_and_blinded_move_nothing() -> None:
    with transaction() as session:
        model = add_model_version(session)
        ids = [
            add_judged(session, model, number, sex, 100.0 + number, 100.0 + 2 * number)
            for number, sex in enumerate("MF" * 20)
        ]
        other = add_judged(session, model, 99, "M", 50.0, 60.0)
        session.execute(text(f"DELETE FROM reference_read WHERE radiograph_id = {other}"))
    before, gaps_before = by_sex(), gaps()
    with transaction() as session:
        for one in ids:
            session.add(read(one, 10.0, reader="B"))  # on disagreement
            session.add(read(one, 20.0, reader="C", is_blinded=True))
        session.flush()
        session.add(read(ids[0], 30.0))  # the reader of the sampled read, later and unasked
        session.add(read(other, 200.0))
    assert gaps() == gaps_before
    after = by_sex()
    assert after["F"] == before["F"]
    assert after["M"] == before["M"] | {"n_other_reads": 1}


def test_only_what_stands_is_judged() -> None:
    with transaction() as session:
        model = add_model_version(session)
        ids = [add_judged(session, model, number, "F", 100.0, 101.0) for number in range(4)]
        session.execute(text(f"UPDATE assessment SET superseded_at = now() WHERE radiograph_id = {ids[0]}"))
        session.execute(text(f"UPDATE radiograph SET superseded_at = now() WHERE id = {ids[1]}"))
        session.execute(text(f"UPDATE radiograph SET state = 'FAILED' WHERE id = {ids[2]}"))
    assert (by_sex()["F"]["n_assessed"], [row["radiograph_id"] for row in rows("gender_audit_radiograph")]) == (
        1,
        [ids[3]],
    )


def _with_gap(bias: float, spread: float, of_each: int = 30) -> dict[str, str]:
    """Return the verdicts where boys' errors are so much larger, and differ by so much either way."""
    with transaction() as session:
        model = add_model_version(session)
        for number in range(2 * of_each):
            sign = 1 if number % 4 < 2 else -1
            error = 10 + sign * spread + (bias if number % 2 else 0.0)
            add_judged(session, model, number, "M" if number % 2 else "F", 100.0, 100.0 + error)
    found = gaps()
    assert {row["verdict"] for (_, is_standardised), row in found.items() if not is_standardised} == {None}
    verdicts = {name: row["verdict"] for (name, is_standardised), row in found.items() if is_standardised}
    (verdicts["audit"],) = {row["audit_verdict"] for row in found.values()}
    return verdicts


@pytest.mark.parametrize(
    ("bias", "spread", "of_each", "verdict"),
    [
        (1.75, 0.0, 30, "pass"),
        (-1.75, 0.0, 30, "pass"),
        (2.0, 0.0, 30, "fail"),  # the whole interval is the target's edge, which is not inside
        (-2.0, 0.0, 30, "fail"),
        (1.75, 2.0, 30, "not enough data"),
        (2.25, 2.0, 30, "not enough data"),
        (4.0, 2.0, 30, "fail"),
        (0.0, 0.0, 29, "not enough data"),
        (4.0, 0.0, 29, "not enough data"),
    ],
)
def test_a_verdict_takes_the_whole_interval(bias: float, spread: float, of_each: int, verdict: str) -> None:
    verdicts = _with_gap(bias, spread, of_each)
    assert (verdicts["bias_months"], verdicts["audit"]) == (verdict, verdict)


def test_age_groups_that_one_sex_lacks_are_left_out_and_too_many_of_them_leave_no_verdict() -> None:
    with transaction() as session:
        model = add_model_version(session)
        for number in range(80):
            add_judged(session, model, number, "MF"[number % 2], 100.0, 100.0)
        for number in range(80, 88):
            add_judged(session, model, number, "M", 200.0, 250.0)
    row = gaps()["mae_months", True]
    assert (row["n"], row["n_left_out"], row["gap"], row["verdict"]) == (80, 8, 0.0, "pass")
    with transaction() as session:
        for number in range(88, 90):
            add_judged(session, model, number, "M", 200.0, 250.0)
    row = gaps()["mae_months", True]
    assert (row["n"], row["n_left_out"], row["verdict"]) == (80, 10, "not enough data")


@pytest.mark.parametrize("role", Role)
def test_every_role_sees_the_audit(carpus_env: CarpusEnvironment, role: Role) -> None:
    with psycopg.connect(carpus_env.servers.postgres.libpq_url_of(role)) as connection:
        for view in VIEWS:
            assert connection.execute(f"SELECT * FROM {view}".encode()).fetchall() == []


def test_no_verdict_but_the_three_is_kept() -> None:
    with pytest.raises(Exception, match="ck_audit_run_verdict"), transaction() as session:
        model = add_model_version(session)
        session.execute(
            text(f"INSERT INTO audit_run (model_version_id, figures, verdict) VALUES ({model}, '{{}}', 'maybe')")
        )
