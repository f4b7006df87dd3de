"""The gender audit over a million assessments with sampled reads, and one patient's results: times and plans.

The rows are made in SQL, in a scratch server. What is timed is the second of two runs, as by whoever asks often.
"""

import tempfile
from pathlib import Path
from time import perf_counter

import psycopg
import pytest
from rich.console import Console
from rich.table import Table

from carpus import embedded, ports
from db import migrate
from tests.conftest import forget_process_state

RADIOGRAPHS = 1_000_000
TARGETS_MS = {
    "gender_audit": ("SELECT * FROM gender_audit", 2000.0),
    "result of one patient": (
        "SELECT * FROM result WHERE patient_id_issuer = 'bench' AND patient_id = 'P-4711'",
        10.0,
    ),
    "gender_audit_gap": ("SELECT * FROM gender_audit_gap", None),
}
# A quarter of the patients have two radiographs, one of ten no known sex; heat maps are as large as the starter's.
_FILL = f"""
SELECT setseed(0.5);
INSERT INTO model_version (name, version, sha256, card) VALUES ('bench', '1', repeat('0', 64), '{{}}');
INSERT INTO radiograph (sop_instance_uid, revision, sha256, size_bytes, transfer_syntax_uid, object_path, state, due_at,
    study_instance_uid, series_instance_uid, standard_path, standard_sha256, patient_id_issuer, patient_id, patient_sex,
    chronological_age_months, chronological_age_source, ended_at)
SELECT '1.2.' || n, 1, repeat('0', 64), 1000000, '1.2.840.10008.1.2.1', 'objects/00/1.2.' || n || '.dcm',
    'COMPLETED', NULL, '1.3.' || n, '1.4.' || n,
    'standard/00/1.2.' || n || '.npy', repeat('0', 64), 'bench', 'P-' || n % 800000,
    (ARRAY['M', 'F', 'M', 'F', 'M', 'F', 'M', 'F', 'M', 'missing'])[1 + n % 10],
    12 + 180 * random(), 'PatientBirthDate', now()
FROM generate_series(1, {RADIOGRAPHS}) AS n;
INSERT INTO assessment (radiograph_id, model_version_id, sex_used, sex_source, bone_age_months,
    bone_age_if_female_months, bone_age_if_male_months, bone_age_low_months, bone_age_high_months,
    interval_calibrated_on, chronological_age_months, chronological_age_source, stage, novelty, heat_map,
    heat_map_peak_months, queue_ms, preprocess_ms, predict_ms, record_ms, engine)
SELECT r.id, 1, nullif(r.patient_sex, 'missing'), CASE WHEN r.patient_sex <> 'missing' THEN 'PatientSex' END, e.months,
    e.months, e.months + 5, e.months - 10, e.months + 10, 'radiographs', r.chronological_age_months,
    r.chronological_age_source, CASE WHEN e.months < 120 THEN 'child' WHEN e.months < 216 THEN 'adolescent'
    ELSE 'adult' END, random(), map.grid, 1, 1, 1, 1, 1, 'bench'
FROM radiograph AS r
CROSS JOIN LATERAL (SELECT r.chronological_age_months + 10 + 10 * random() AS months) AS e
CROSS JOIN (SELECT array_fill(0.5::real, ARRAY[8, 8]) AS grid) AS map;
INSERT INTO reading_list (seed) VALUES (0);
INSERT INTO reading_list_item SELECT 1, id, id FROM radiograph;
ALTER TABLE reference_read DISABLE TRIGGER USER;
INSERT INTO reference_read (radiograph_id, reader, method, bone_age_months, reading_list_id, is_blinded)
SELECT radiograph_id, 'A', 'GP', bone_age_months - 8 + 12 * random(), 1, TRUE FROM assessment;
ALTER TABLE reference_read ENABLE TRIGGER USER
"""


def measure() -> Table:
    """Fill a scratch database, ask, print the plans, and return the times beside their targets."""
    told = Table("1,000,000 assessments with sampled reads", "ms", "target, ms", title="audit")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o755)  # the server is another user where we are root
        server = embedded.Postgres(Path(folder) / "postgres", ports.free_port())
        server.start()
        try:
            patch.setenv("CARPUS_DATABASE_URL", server.url)
            patch.setenv("CARPUS_BROKER_URL", "redis://127.0.0.1:1/0")
            patch.setenv("CARPUS_STORE", folder)
            forget_process_state()
            migrate.upgrade()
            for name, (query, target) in TARGETS_MS.items():
                milliseconds = _asked(server, query, is_first=name == next(iter(TARGETS_MS)))
                told.add_row(name, f"{milliseconds:,.1f}", f"{target:,.0f}" if target else "–")
        finally:
            forget_process_state()
            server.stop()
    return told


def _asked(server: embedded.Postgres, query: str, *, is_first: bool) -> float:
    console = Console()
    with psycopg.connect(server.libpq_url_of(None), autocommit=True) as connection:
        if is_first:
            for statement in _FILL.split(";"):
                connection.execute(statement.encode())
            connection.execute("VACUUM ANALYZE radiograph, assessment, reference_read, reading_list_item")
        connection.execute(query.encode()).fetchall()
        started = perf_counter()
        connection.execute(query.encode()).fetchall()
        milliseconds = 1000 * (perf_counter() - started)
        plan = connection.execute(b"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + query.encode()).fetchall()
    console.print("\n".join(line for (line,) in plan), highlight=False, markup=False, soft_wrap=True)
    return milliseconds
