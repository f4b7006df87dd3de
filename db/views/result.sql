-- One row for each radiograph that has been assessed: what Carpus says now, by which model, and what that rests on.
-- Superseded revisions and assessments are left out. Heat maps are grids over the network's input, 0 to 1.
-- From low to high is the interval that holds nine of ten bone ages; it is shown with its caveat or not at all.
SELECT
    r.id AS radiograph_id,
    a.id AS assessment_id,
    r.sop_instance_uid,
    r.revision,
    r.study_instance_uid,
    r.series_instance_uid,
    r.accession_number,
    r.patient_id_issuer,
    r.patient_id,
    r.patient_sex,
    r.laterality,
    a.chronological_age_months,
    a.chronological_age_source,
    a.chronological_age_source = 'PatientAge' AS is_chronological_age_imprecise,
    a.chronological_age_span_months,
    a.bone_age_months,
    floor(round(a.bone_age_months) / 12) || ' years ' || mod(round(a.bone_age_months)::integer, 12)
    || ' months' AS bone_age_in_words,
    a.site_calibration_id IS NOT NULL AS is_site_calibrated,
    a.bone_age_low_months,
    a.bone_age_high_months,
    a.interval_calibrated_on,
    CASE WHEN a.interval_calibrated_on <> 'radiographs' THEN 'not calibrated on radiographs' END AS interval_caveat,
    a.bone_age_sds,
    a.bone_age_low_sds,
    a.bone_age_high_sds,
    a.maturity,
    a.probability_delayed,
    a.probability_normal,
    a.probability_advanced,
    a.sds_unknown_because,
    CASE
        WHEN a.bone_age_sds IS NOT NULL
            THEN 'Brush Foundation standard deviations; one source, unverified against the atlas'
    END AS sds_source,
    a.review_reasons <> '{}' AS needs_review,
    a.review_reasons,
    a.novelty,
    a.notes,
    a.apparent_side,
    a.stage,
    a.stage_probability_child,
    a.stage_probability_adolescent,
    a.stage_probability_adult,
    a.sex_used,
    a.sex_source,
    a.bone_age_if_female_months,
    a.bone_age_if_male_months,
    a.sex_effect_months,
    reference.bone_age_months AS reference_bone_age_months,
    a.bone_age_months - reference.bone_age_months AS error_months,
    a.heat_map,
    a.heat_map_peak_months,
    m.name AS model_name,
    m.version AS model_version,
    m.sha256 AS model_sha256,
    m.card ->> 'intended_use' AS model_intended_use,
    m.card ->> 'limitations' AS model_limitations,
    m.card -> 'preprocessing' AS model_preprocessing,
    r.received_at,
    a.assessed_at,
    r.read_ms,
    a.queue_ms,
    a.preprocess_ms,
    a.predict_ms,
    a.record_ms,
    extract(EPOCH FROM r.ended_at - r.received_at)::double precision * 1000 AS latency_ms,
    a.engine,
    a.views,
    r.object_path,
    r.standard_path
FROM assessment AS a
INNER JOIN radiograph AS r ON a.radiograph_id = r.id
INNER JOIN model_version AS m ON a.model_version_id = m.id
LEFT JOIN LATERAL (
    SELECT avg(standing.bone_age_months) AS bone_age_months
    FROM reference_read AS standing
    WHERE standing.radiograph_id = r.id AND standing.superseded_at IS NULL
) AS reference ON TRUE
WHERE a.superseded_at IS NULL AND NOT a.is_shadow AND r.superseded_at IS NULL AND r.state = 'COMPLETED'
