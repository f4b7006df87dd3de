-- What has no bone age yet, and why: what is on its way, and what waits for a person. Oldest first when ordered by received_at.
SELECT
    r.id AS radiograph_id,
    r.sop_instance_uid,
    r.revision,
    r.study_instance_uid,
    r.accession_number,
    r.patient_id_issuer,
    r.patient_id,
    r.state,
    CASE
        WHEN r.state = 'COMPLETED'
            THEN 'PatientSex (0010,0040) is ' || r.patient_sex || ': estimates under both sexes, no headline'
        ELSE r.state_reason
    END AS state_reason,
    r.state IN ('COMPLETED', 'REJECTED', 'FAILED') AS needs_person,
    r.attempts,
    r.received_at,
    r.due_at,
    r.ended_at,
    a.bone_age_if_female_months,
    a.bone_age_if_male_months
FROM radiograph AS r
LEFT JOIN assessment AS a ON a.radiograph_id = r.id AND a.superseded_at IS NULL
WHERE
    r.superseded_at IS NULL
    AND (
        r.state IN ('RECEIVED', 'READING', 'READ', 'ASSESSING', 'REJECTED', 'FAILED')
        OR (r.state = 'COMPLETED' AND a.bone_age_months IS NULL)
    )
