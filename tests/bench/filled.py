"""A database as a large site has it after three years, made in SQL: for :mod:`tests.bench.database`.

A radiograph is known by its number n, which is its id, too; the last ones came just now. One of so many was read
because a list asked, by one reader and blinded; 2% are no hand radiographs, and 0.5% were sent again with other bytes.
The third that came first was purged. The newest tenth went to an archive, the newest hundredth was assessed by a
shadow, too. Of 20,000 radiographs one was rejected, one failed, one has no known sex, and four must be reviewed; beside
these 300 are on their way, so that after ten million the worklist has four thousand lines. Names are as long as real
ones, UIDs come in no order, a patient's radiographs lie years apart, and heat maps are as large as the starter's.

Indexes but the primary keys are dropped before and built afterwards, foreign keys, triggers and checks by regular
expressions are not asked, and nothing is logged for recovery; all of that is as before when it ends, and so are the
server's settings. Only these checks are NOT VALID then: asked of new rows alone.
"""

from collections.abc import Callable

import psycopg

from carpus import embedded

WAITING = 300
CHUNK = 500_000
FILLED = ("radiograph", "assessment", "reading_list_item", "reference_read", "delivery")

# Between 0 and 1, and always the same for the same number.
_FUNCTIONS = """
CREATE FUNCTION pg_temp.share(n bigint, salt bigint) RETURNS double precision LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(n, salt) & 1048575) / 1048576.0;
CREATE FUNCTION pg_temp.digits(n bigint, salt bigint) RETURNS text LANGUAGE sql IMMUTABLE
RETURN '1.2.826.0.1.3680043.10.1561.' || (hashint8extended(n, salt) & 9223372036854775807)
"""
_FIRST = """
TRUNCATE radiograph, assessment, reading_list, reading_list_item, reference_read, delivery, model_version CASCADE;
INSERT INTO model_version (id, name, version, sha256, card, status) VALUES
(1, 'bench', '1', repeat('0', 64), '{}', 'active'), (2, 'bench', '2', repeat('1', 64), '{}', 'shadow');
INSERT INTO reading_list (id, seed) VALUES (1, 0)
"""
_CHUNK = """
INSERT INTO radiograph (id, sop_instance_uid, revision, sha256, size_bytes, transfer_syntax_uid, object_path,
    sop_class_uid, study_instance_uid, series_instance_uid, accession_number, patient_id_issuer, patient_id,
    patient_sex,
    chronological_age_months, chronological_age_source, modality, laterality, view_position, calling_ae_title,
    state, state_reason, attempts, claims, due_at, due_set_at, received_at, waiting_since, ended_at, superseded_at,
    purged_at, standard_path, standard_sha256, reads, read_ms)
SELECT n, uid, CASE mod(n, 200) WHEN 2 THEN 2 ELSE 1 END, digest, 10000000, '1.2.840.10008.1.2.1',
    'objects/' || left(digest, 2) || '/' || uid || '.' || digest || '.dcm', '1.2.840.10008.5.1.4.1.1.1.1',
    pg_temp.digits(first, 2), pg_temp.digits(first, 3), 'A' || 100000000 + first, 'bench',
    'P-' || (hashint8extended(first, 4) & 9223372036854775807) % ({all} * 7 / 10),
    CASE WHEN mod(n, 20000) = 14 THEN 'missing' WHEN pg_temp.share(first, 5) < 0.55 THEN 'M' ELSE 'F' END,
    12 + 180 * pg_temp.share(first, 6), 'PatientBirthDate', 'DX', 'L', 'PA', 'MODALITY',
    s.state, CASE WHEN s.state IN ('NOT_APPLICABLE', 'REJECTED', 'FAILED') THEN 'as the bench says' END, 0,
    CASE s.state WHEN 'COMPLETED' THEN 2 ELSE 1 END,
    CASE WHEN NOT is_end THEN now() + interval '5 minutes' END, came, came, came,
    CASE WHEN is_end THEN came + took END, CASE mod(n, 200) WHEN 1 THEN came + interval '1 hour' END,
    CASE WHEN s.state IN ('COMPLETED', 'NOT_APPLICABLE') AND n < {all} / 3 THEN came + interval '2 years' END,
    CASE WHEN is_read THEN 'standard/' || left(digest, 2) || '/' || uid || '.1.npy' END,
    CASE WHEN is_read THEN digest END,
    is_read::integer, CASE WHEN is_read THEN 40 + 60 * pg_temp.share(n, 7) END
FROM generate_series({first}::bigint, {last}::bigint) AS n
CROSS JOIN LATERAL (SELECT CASE mod(n, 200) WHEN 2 THEN n - 1 ELSE n END AS first) AS f
CROSS JOIN LATERAL (
    SELECT pg_temp.digits(first, 1) AS uid, encode(sha256(n::text::bytea), 'hex') AS digest,
        now() - interval '1096 days' * (1 - n::double precision / {all}) AS came,
        make_interval(secs => CASE WHEN mod(n, 100) = 5 THEN 60 ELSE 3 END * (0.2 + pg_temp.share(n, 8))) AS took,
        CASE
            WHEN n > {all} - {waiting} THEN (ARRAY['RECEIVED', 'READING', 'READ', 'ASSESSING'])[1 + mod(n, 4)]
            WHEN mod(n, 50) = 7 THEN 'NOT_APPLICABLE'
            WHEN mod(n, 20000) = 11 THEN 'REJECTED'
            WHEN mod(n, 20000) = 12 THEN 'FAILED'
            ELSE 'COMPLETED'
        END AS state
    OFFSET 0 -- or each would be worked out wherever it is used
) AS s
CROSS JOIN LATERAL (
    SELECT s.state IN ('COMPLETED', 'NOT_APPLICABLE', 'REJECTED', 'FAILED') AS is_end,
        s.state IN ('COMPLETED', 'READ', 'ASSESSING') AS is_read
) AS k;
INSERT INTO assessment (radiograph_id, model_version_id, is_shadow, sex_used, sex_source, bone_age_months,
    bone_age_if_female_months, bone_age_if_male_months, bone_age_low_months, bone_age_high_months,
    interval_calibrated_on, chronological_age_months, chronological_age_source, bone_age_sds, stage, novelty,
    review_reasons, heat_map, heat_map_peak_months, queue_ms, preprocess_ms, predict_ms, record_ms, engine, assessed_at,
    superseded_at)
SELECT r.id, m, m = 2, nullif(r.patient_sex, 'missing'), CASE WHEN r.patient_sex <> 'missing' THEN 'PatientSex' END,
    CASE WHEN r.patient_sex <> 'missing' THEN months END, months, months + 5,
    CASE WHEN r.patient_sex <> 'missing' THEN months - 10 END,
    CASE WHEN r.patient_sex <> 'missing' THEN months + 10 END,
    CASE WHEN r.patient_sex <> 'missing' THEN 'radiographs' END, r.chronological_age_months, r.chronological_age_source,
    CASE WHEN r.patient_sex <> 'missing' THEN 1.5 END,
    CASE WHEN months < 120 THEN 'child' WHEN months < 216 THEN 'adolescent' ELSE 'adult' END, pg_temp.share(r.id, 9),
    CASE WHEN mod(r.id, 5000) = 13 THEN ARRAY['the hand is cut off'] ELSE '{{}}' END, map.grid, 3,
    20 + 500 * pg_temp.share(r.id, 10), 5 + 5 * pg_temp.share(r.id, 11), 20 + 20 * pg_temp.share(r.id, 12),
    5 + 10 * pg_temp.share(r.id, 13), CASE mod(r.id, 20) WHEN 3 THEN 'tensorflow' ELSE 'openvino' END, r.ended_at,
    r.superseded_at
FROM radiograph AS r
CROSS JOIN LATERAL (SELECT r.chronological_age_months + 10 + 10 * pg_temp.share(r.id, 14) AS months) AS e
CROSS JOIN LATERAL generate_series(1, CASE WHEN r.id > {all} * 0.99 THEN 2 ELSE 1 END) AS m
CROSS JOIN (SELECT array_fill(0.5::real, ARRAY[8, 8]) AS grid) AS map
WHERE r.id BETWEEN {first} AND {last} AND r.state = 'COMPLETED'
"""
_LAST = """
INSERT INTO reading_list_item
SELECT 1, id, row_number() OVER (ORDER BY id) FROM radiograph
WHERE mod(id, {one_read_of}) = 0 AND state = 'COMPLETED' AND superseded_at IS NULL;
INSERT INTO reference_read (radiograph_id, reader, method, bone_age_months, read_at, reading_list_id, is_blinded)
SELECT a.radiograph_id, 'A', 'GP', a.bone_age_if_female_months - 8 + 12 * pg_temp.share(a.radiograph_id, 15),
    a.assessed_at, 1, TRUE
FROM assessment AS a
WHERE mod(a.radiograph_id, {one_read_of}) = 0 AND NOT a.is_shadow AND a.superseded_at IS NULL;
INSERT INTO delivery (assessment_id, destination, object, sop_instance_uid, state, attempts, due_at, planned_at,
    delivered_at, last_error)
SELECT a.id, 'PACS', o, pg_temp.digits(a.id, 16), s.state, 1, CASE s.state WHEN 'WAITING' THEN now() END, a.assessed_at,
    CASE s.state WHEN 'DELIVERED' THEN a.assessed_at + interval '1 second' END, CASE s.state WHEN 'FAILED' THEN 'no' END
FROM assessment AS a
CROSS JOIN unnest(ARRAY['report', 'picture']) AS o
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN a.radiograph_id > {all} - {waiting} - 100 THEN 'WAITING'
        WHEN mod(a.radiograph_id, 10000) = 15 THEN 'FAILED'
        ELSE 'DELIVERED'
    END AS state
) AS s
WHERE a.radiograph_id > {all} * 0.9 AND NOT a.is_shadow AND a.superseded_at IS NULL
"""
_DEFERRED = """
SELECT conrelid::regclass::text AS of, conname AS name,
    pg_get_constraintdef(oid) || CASE contype WHEN 'c' THEN ' NOT VALID' ELSE '' END AS definition,
    TRUE AS is_constraint
FROM pg_constraint WHERE conrelid = ANY(%(tables)s::regclass[])
AND (contype = 'u' OR (contype = 'c' AND pg_get_constraintdef(oid) LIKE '%% ~ %%'))
UNION ALL
SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), FALSE
FROM pg_index AS i WHERE indrelid = ANY(%(tables)s::regclass[])
AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)
ORDER BY name
"""


def fill(server: embedded.Postgres, radiographs: int, one_read_of: int, tell: Callable[[str], None]) -> None:
    """Fill the migrated, empty tables of a running server.

    Parameters
    ----------
    server
        The server; it is started anew twice.
    radiographs
        How many, those on their way included.
    one_read_of
        One of so many has a sampled and blinded read.
    tell
        Is told how far it is.
    """
    _set_logging(server, "SET wal_level = minimal", "SET max_wal_senders = 0")
    with psycopg.connect(_as_superuser(server)) as connection:
        _write(connection, radiographs, one_read_of, tell)
    _set_logging(server, "RESET ALL")
    with psycopg.connect(_as_superuser(server), autocommit=True) as connection:
        tell("vacuuming")
        connection.execute(f"VACUUM ANALYZE {', '.join(FILLED)}".encode())
        connection.execute(b"CHECKPOINT")


def _write(connection: psycopg.Connection, radiographs: int, one_read_of: int, tell: Callable[[str], None]) -> None:
    """Write everything in one transaction: what is written to a table that it emptied needs no log."""
    connection.execute(b"SET session_replication_role = replica")  # foreign keys and triggers are not asked
    connection.execute(b"SET maintenance_work_mem = '1GB'")
    deferred = connection.execute(_DEFERRED, {"tables": list(FILLED)}).fetchall()
    for of, name, _, is_constraint in deferred:
        connection.execute(
            (f"ALTER TABLE {of} DROP CONSTRAINT {name}" if is_constraint else f"DROP INDEX {name}").encode()
        )
    _run(connection, _FUNCTIONS)
    _run(connection, _FIRST)
    for first in range(1, radiographs + 1, CHUNK):
        last = min(first + CHUNK - 1, radiographs)
        _run(connection, _CHUNK.format(first=first, last=last, all=radiographs, waiting=WAITING))
        tell(f"{last:,} radiographs")
    _run(connection, _LAST.format(all=radiographs, waiting=WAITING, one_read_of=one_read_of))
    for of, name, definition, is_constraint in deferred:
        tell(f"building {name}")
        connection.execute(
            (f"ALTER TABLE {of} ADD CONSTRAINT {name} {definition}" if is_constraint else definition).encode()
        )
    for table in ("model_version", "radiograph", "reading_list"):
        connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}".encode())


def _run(connection: psycopg.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        connection.execute(statement.encode())


def _as_superuser(server: embedded.Postgres) -> str:
    return server.admin_url.replace("+psycopg", "", 1).removesuffix("postgres") + "carpus"


def _set_logging(server: embedded.Postgres, *changes: str) -> None:
    with psycopg.connect(_as_superuser(server), autocommit=True) as connection:
        for change in changes:
            connection.execute(f"ALTER SYSTEM {change}".encode())
    server.stop()
    server.start()
