-- What has no answer yet, and why: what is on its way, and what waits for a person.
-- An estimate that must be reviewed stands in `result` too, with needs_review.
-- What could not be delivered to an archive has a line of its own.
-- A network that answers stages has no bone age to give; its answer lacks only where the sexes' stages disagree.
SELECT
    r.id AS radiograph_id,
    r.sop_instance_uid,
    r.revision,
    r.study_instance_uid,
    r.accession_number,
    r.patient_id_issuer,
    r.patient_id,
    r.state,
    r.state_reason,
    r.state IN ('REJECTED', 'FAILED') AS needs_person,
    r.attempts,
    r.received_at,
    r.due_at,
    r.ended_at,
    NULL::double precision AS bone_age_if_female_months,
    NULL::double precision AS bone_age_if_male_months
FROM radiograph AS r
WHERE r.superseded_at IS NULL AND r.state IN ('RECEIVED', 'READING', 'READ', 'ASSESSING', 'REJECTED', 'FAILED')
UNION ALL
SELECT
    r.id,
    r.sop_instance_uid,
    r.revision,
    r.study_instance_uid,
    r.accession_number,
    r.patient_id_issuer,
    r.patient_id,
    r.state,
    concat_ws(
        '; ',
        CASE
            WHEN a.bone_age_months IS NOT NULL THEN NULL
            WHEN a.bone_age_if_female_months IS NOT NULL
                THEN 'PatientSex (0010,0040) is ' || r.patient_sex || ': estimates under both sexes, no headline'
            WHEN a.stage IS NULL
                THEN 'PatientSex (0010,0040) is ' || r.patient_sex || ': the stage is another under either sex'
        END,
        NULLIF(array_to_string(a.review_reasons, '; '), '')
    ),
    TRUE,
    r.attempts,
    r.received_at,
    r.due_at,
    r.ended_at,
    a.bone_age_if_female_months,
    a.bone_age_if_male_months
FROM assessment AS a
INNER JOIN radiograph AS r ON a.radiograph_id = r.id
WHERE
    a.superseded_at IS NULL
    AND NOT a.is_shadow
    AND (
        a.review_reasons <> '{}'
        OR (a.bone_age_months IS NULL AND (a.bone_age_if_female_months IS NOT NULL OR a.stage IS NULL))
    )
    AND r.superseded_at IS NULL
    AND r.state = 'COMPLETED'
UNION ALL
SELECT
    r.id,
    r.sop_instance_uid,
    r.revision,
    r.study_instance_uid,
    r.accession_number,
    r.patient_id_issuer,
    r.patient_id,
    r.state,
    'the ' || d.object || ' was not delivered to ' || d.destination || ': '
    || coalesce(d.last_error, 'no reason was noted'),
    TRUE,
    d.attempts,
    r.received_at,
    d.due_at,
    r.ended_at,
    NULL::double precision,
    NULL::double precision
FROM delivery AS d
INNER JOIN assessment AS a ON d.assessment_id = a.id
INNER JOIN radiograph AS r ON a.radiograph_id = r.id
WHERE d.state = 'FAILED' AND a.superseded_at IS NULL AND r.superseded_at IS NULL
