-- What has no bone age yet, and why: what is on its way, and what waits for a person.
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
    'PatientSex (0010,0040) is ' || r.patient_sex || ': estimates under both sexes, no headline',
    TRUE,
    r.attempts,
    r.received_at,
    r.due_at,
    r.ended_at,
    a.bone_age_if_female_months,
    a.bone_age_if_male_months
FROM assessment AS a
INNER JOIN radiograph AS r ON a.radiograph_id = r.id
WHERE a.superseded_at IS NULL AND a.bone_age_months IS NULL AND r.superseded_at IS NULL AND r.state = 'COMPLETED'
