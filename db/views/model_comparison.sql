-- One row for each pair of a shadow version and a version whose results it assessed beside, and sex: how they differ.
-- Differences are shadow less result, on the same radiographs. Errors are against reads that were sampled and blinded,
-- and of the radiographs that have both.
WITH pairs AS (
    SELECT
        shadow.model_version_id AS shadow_id,
        a.model_version_id AS result_id,
        CASE WHEN r.patient_sex IN ('M', 'F') THEN r.patient_sex ELSE 'unknown' END AS sex,
        shadow.bone_age_months - a.bone_age_months AS difference_months,
        shadow.stage IS NOT DISTINCT FROM a.stage AS is_same_stage,
        shadow.bone_age_months - reference.bone_age_months AS shadow_error_months,
        a.bone_age_months - reference.bone_age_months AS error_months,
        shadow.novelty AS shadow_novelty,
        a.novelty,
        shadow.predict_ms AS shadow_predict_ms,
        a.predict_ms
    FROM assessment AS shadow
    INNER JOIN assessment AS a
        ON
            shadow.radiograph_id = a.radiograph_id
            AND a.superseded_at IS NULL
            AND NOT a.is_shadow
    INNER JOIN radiograph AS r ON a.radiograph_id = r.id
    LEFT JOIN LATERAL (
        -- The mean of each reader's latest read that was sampled and blinded, as in `gender_audit`.
        SELECT avg(d.bone_age_months) AS bone_age_months
        FROM reference_read AS d
        WHERE
            d.radiograph_id = r.id
            AND d.reading_list_id IS NOT NULL
            AND d.is_blinded
            AND NOT EXISTS (
                SELECT
                FROM reference_read AS later
                WHERE
                    later.radiograph_id = d.radiograph_id
                    AND later.reader = d.reader
                    AND later.reading_list_id IS NOT NULL
                    AND later.is_blinded
                    AND (later.read_at, later.id) > (d.read_at, d.id)
            )
    ) AS reference ON TRUE
    WHERE
        shadow.is_shadow
        AND shadow.superseded_at IS NULL
        AND r.superseded_at IS NULL
        AND r.state = 'COMPLETED'
),

figures AS (
    SELECT
        p.shadow_id,
        p.result_id,
        p.sex,
        count(*) AS n,
        avg(p.difference_months) AS mean_difference_months,
        stddev_samp(p.difference_months) AS difference_sd_months,
        avg(abs(p.difference_months)) AS mean_absolute_difference_months,
        max(abs(p.difference_months)) AS largest_difference_months,
        count(*) FILTER (WHERE abs(p.difference_months) > 12)::double precision
        / nullif(count(p.difference_months), 0) AS over_12_months,
        avg(p.is_same_stage::integer)::double precision AS same_stage,
        count(p.shadow_novelty > 1 OR NULL)::double precision / nullif(count(p.shadow_novelty), 0)
            AS shadow_novelty_flags,
        count(p.novelty > 1 OR NULL)::double precision / nullif(count(p.novelty), 0) AS novelty_flags,
        avg(p.shadow_predict_ms) AS shadow_predict_ms,
        avg(p.predict_ms) AS predict_ms,
        count(*) FILTER (WHERE num_nulls(p.shadow_error_months, p.error_months) = 0) AS n_read,
        avg(abs(p.shadow_error_months)) FILTER (WHERE p.error_months IS NOT NULL) AS shadow_mae_months,
        avg(abs(p.error_months)) FILTER (WHERE p.shadow_error_months IS NOT NULL) AS mae_months
    FROM pairs AS p
    GROUP BY p.shadow_id, p.result_id, p.sex
)

SELECT
    f.shadow_id AS shadow_model_version_id,
    shadow.name AS shadow_model_name,
    shadow.version AS shadow_model_version,
    f.result_id AS model_version_id,
    m.name AS model_name,
    m.version AS model_version,
    f.sex,
    f.n,
    f.mean_difference_months,
    f.difference_sd_months,
    f.mean_absolute_difference_months,
    f.largest_difference_months,
    f.over_12_months,
    f.same_stage,
    f.shadow_novelty_flags,
    f.novelty_flags,
    f.shadow_predict_ms,
    f.predict_ms,
    f.n_read,
    f.shadow_mae_months,
    f.mae_months
FROM figures AS f
INNER JOIN model_version AS shadow ON f.shadow_id = shadow.id
INNER JOIN model_version AS m ON f.result_id = m.id
