-- Radiographs that the audit judges, one row each and model version: what was estimated, what readers said.
-- They have a bone age now, and a read that was sampled and blinded. `gender_audit` and `gender_audit_gap` count
-- the same.
-- A patient is known by issuer and ID together; a radiograph without ID is a patient of its own.
WITH reads AS MATERIALIZED (
    -- Of each radiograph the mean of each reader's latest read that was sampled and blinded: a later one that was not,
    -- such as on disagreement, takes its place in `result`, but not here. Worked out once: before the tables are
    -- analysed, it might be for each radiograph.
    SELECT
        d.radiograph_id,
        avg(d.bone_age_months) AS reference_months
    FROM reference_read AS d
    WHERE
        d.reading_list_id IS NOT NULL
        AND d.is_blinded
        AND (
            d.superseded_at IS NULL
            OR NOT EXISTS (
                SELECT
                FROM reference_read AS later
                WHERE
                    later.radiograph_id = d.radiograph_id
                    AND later.reader = d.reader
                    AND later.reading_list_id IS NOT NULL
                    AND later.is_blinded
                    AND (later.read_at, later.id) > (d.read_at, d.id)
            )
        )
    GROUP BY d.radiograph_id
)

SELECT
    a.model_version_id,
    r.id AS radiograph_id,
    r.patient_sex,
    coalesce(r.patient_id_issuer, '') || E'\n' || coalesce(r.patient_id, 'radiograph ' || r.id) AS patient,
    reads.reference_months,
    a.bone_age_months,
    a.bone_age_months - reads.reference_months AS error_months,
    -- From 0: the age groups that reports have, by the reference.
    width_bucket(reads.reference_months, ARRAY[36, 72, 120, 168, 216]::double precision[]) AS age_group
FROM assessment AS a
INNER JOIN radiograph AS r ON a.radiograph_id = r.id
INNER JOIN reads ON a.radiograph_id = reads.radiograph_id
WHERE
    a.superseded_at IS NULL
    AND r.superseded_at IS NULL
    AND r.state = 'COMPLETED'
    AND a.bone_age_months IS NOT NULL
