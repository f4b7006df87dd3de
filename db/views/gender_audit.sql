-- One row for each model version and sex, and one for radiographs whose sex is not known: how good its bone ages are.
-- Judged are radiographs with a read that was sampled and blinded; other reads are counted and judge nothing,
-- for readers enter those where they disagree. Shares are from 0 to 1, and NULL where there is nothing to count.
-- The share of novelty flags and the effect of the sex are of all assessments, read or not, for they need no read.
WITH brush (male_ages, male_sds, female_ages, female_sds) AS (
    -- worker/brush_foundation_sd.csv: the Brush Foundation's standard deviations at chronological ages, in months.
    VALUES
    (
        ARRAY[
            3, 6, 9, 12, 18, 24, 30, 36, 42, 48, 54, 60, 72, 84, 96, 108, 120, 132, 144, 156, 168, 180, 192, 204
        ]::double precision[],
        ARRAY[
            0.69, 1.13, 1.43, 1.97, 3.52, 3.92, 4.52, 5.08, 5.40, 6.66, 8.36, 8.79, 9.17, 8.91, 9.10, 9.00, 9.79,
            10.09, 10.38, 10.44, 10.72, 11.32, 12.86, 13.05
        ]::double precision[],
        ARRAY[
            3, 6, 9, 12, 18, 24, 30, 36, 42, 48, 54, 60, 72, 84, 96, 108, 120, 132, 144, 156, 168, 180, 192
        ]::double precision[],
        ARRAY[
            0.72, 1.16, 1.36, 1.77, 3.49, 4.64, 5.37, 5.97, 7.48, 8.98, 10.73, 11.65, 10.23, 9.64, 10.23, 10.74,
            11.73, 11.94, 10.24, 10.67, 11.30, 9.23, 7.31
        ]::double precision[]
    )
),

overtaken AS (
    -- Superseded reads whose reader has a later one that was sampled and blinded.
    SELECT o.id
    FROM reference_read AS o
    WHERE
        o.superseded_at IS NOT NULL
        AND EXISTS (
            SELECT
            FROM reference_read AS later
            WHERE
                later.radiograph_id = o.radiograph_id
                AND later.reader = o.reader
                AND later.reading_list_id IS NOT NULL
                AND later.is_blinded
                AND (later.read_at, later.id) > (o.read_at, o.id)
        )
),

reads AS (
    -- Of each radiograph that was read at all the mean of each reader's latest read that was sampled and blinded: a
    -- later one that was not, such as on disagreement, takes its place in `result`, but not here.
    SELECT
        d.radiograph_id,
        avg(d.bone_age_months) FILTER (
            WHERE d.reading_list_id IS NOT NULL AND d.is_blinded AND overtaken.id IS NULL
        ) AS reference_months
    FROM reference_read AS d
    LEFT JOIN overtaken ON d.id = overtaken.id
    GROUP BY d.radiograph_id
),

sexes AS (
    -- What needs no read, of all that each model version says now, as `result` shows it. By the sexes as they are kept,
    -- and apart from what is judged: so the many that nobody read are only counted, and by several processes at once.
    SELECT
        a.model_version_id,
        r.patient_sex,
        count(*) AS n,
        count(a.novelty) AS n_novelty,
        count(*) FILTER (WHERE a.novelty > 1) AS n_novel,
        count(a.sex_effect_months) AS n_sex_effect,
        sum(a.sex_effect_months) AS sex_effect_months
    FROM assessment AS a
    INNER JOIN radiograph AS r ON a.radiograph_id = r.id
    WHERE a.superseded_at IS NULL AND r.superseded_at IS NULL AND r.state = 'COMPLETED'
    GROUP BY a.model_version_id, r.patient_sex
),

assessed AS (
    -- The sexes that are not known together.
    SELECT
        model_version_id,
        CASE WHEN patient_sex IN ('M', 'F') THEN patient_sex ELSE 'unknown' END AS sex,
        sum(n)::bigint AS n_assessed,
        sum(n_novel)::double precision / nullif(sum(n_novelty), 0)::double precision AS novelty_flags,
        sum(sex_effect_months) / nullif(sum(n_sex_effect), 0)::double precision AS mean_sex_effect_months
    FROM sexes
    GROUP BY model_version_id, CASE WHEN patient_sex IN ('M', 'F') THEN patient_sex ELSE 'unknown' END
),

judged AS (
    -- What each model version says of the radiographs that were read, beside the reference where there is one.
    SELECT
        a.model_version_id,
        CASE WHEN r.patient_sex IN ('M', 'F') THEN r.patient_sex ELSE 'unknown' END AS sex,
        reads.reference_months,
        a.bone_age_months,
        a.bone_age_months - reads.reference_months AS error_months,
        reads.reference_months BETWEEN a.bone_age_low_months AND a.bone_age_high_months AS is_covered,
        a.stage,
        a.chronological_age_months AS age_months
    FROM assessment AS a
    INNER JOIN radiograph AS r ON a.radiograph_id = r.id
    INNER JOIN reads ON a.radiograph_id = reads.radiograph_id
    WHERE a.superseded_at IS NULL AND r.superseded_at IS NULL AND r.state = 'COMPLETED'
),

placed AS (
    -- The table of the sex, and after how many of its ages the chronological age lies; without a sex there is none.
    SELECT
        judged.*,
        CASE judged.sex WHEN 'M' THEN brush.male_ages WHEN 'F' THEN brush.female_ages END AS ages,
        CASE judged.sex WHEN 'M' THEN brush.male_sds WHEN 'F' THEN brush.female_sds END AS sds,
        CASE judged.sex
            WHEN 'M' THEN width_bucket(judged.age_months, brush.male_ages)
            WHEN 'F' THEN width_bucket(judged.age_months, brush.female_ages)
        END AS place
    FROM judged
    CROSS JOIN brush
    OFFSET 0 -- or what stands here would be worked out again wherever it is used below
),

spread AS (
    -- The standard deviation at the chronological age, linear between the table's ages and unknown outside them.
    SELECT
        *,
        CASE
            WHEN error_months IS NULL THEN NULL
            WHEN age_months = ages[cardinality(ages)] THEN sds[place]
            ELSE sds[place] + (sds[place + 1] - sds[place]) * (age_months - ages[place]) / (ages[place + 1] - ages[place])
        END AS sd_months
    FROM placed
    OFFSET 0 -- as above
),

diagnosed AS (
    -- Whether the error changes the diagnosis: more than 2 standard deviations behind the age is delayed, more than 2
    -- ahead advanced. Where the age is not known or outside the table nobody can tell.
    SELECT
        spread.*,
        ((bone_age_months - age_months) / sd_months > 2) <> ((reference_months - age_months) / sd_months > 2)
        OR ((bone_age_months - age_months) / sd_months < -2) <> ((reference_months - age_months) / sd_months < -2)
            AS is_significant
    FROM spread
),

figures AS (
    -- All figures of one sex. The model's name comes afterwards, or it would be looked up for each assessment.
    SELECT
        d.model_version_id,
        d.sex,
        count(d.error_months) AS n,
        count(*) FILTER (WHERE d.reference_months IS NULL) AS n_other_reads,
        count(*) FILTER (WHERE d.reference_months IS NOT NULL AND d.bone_age_months IS NULL) AS n_without_bone_age,
        avg(abs(d.error_months)) AS mae_months,
        sqrt(avg(d.error_months * d.error_months)) AS rmse_months,
        -- Not regr_r2, the squared correlation, which a constant shift leaves unmoved.
        1 - avg(d.error_months * d.error_months)
        / nullif(var_pop(d.reference_months) FILTER (WHERE d.error_months IS NOT NULL), 0) AS r2,
        avg(d.error_months) AS bias_months,
        count(*) FILTER (WHERE abs(d.error_months) <= 12)::double precision
        / nullif(count(d.error_months), 0) AS within_12_months,
        count(*) FILTER (WHERE d.is_covered)::double precision / nullif(count(d.is_covered), 0) AS interval_coverage,
        -- Of those whose reference is in a stage, the share that the model puts there.
        avg((d.stage = 'child')::integer) FILTER (WHERE d.reference_months < 120)::double precision AS recall_child,
        avg((d.stage = 'adolescent')::integer) FILTER (
            WHERE d.reference_months >= 120 AND d.reference_months < 216
        )::double precision AS recall_adolescent,
        avg((d.stage = 'adult')::integer) FILTER (WHERE d.reference_months >= 216)::double precision AS recall_adult,
        count(d.is_significant) AS n_with_age,
        count(*) FILTER (WHERE d.is_significant)::double precision
        / nullif(count(d.is_significant), 0) AS clinically_significant_errors
    FROM diagnosed AS d
    GROUP BY d.model_version_id, d.sex
)

SELECT
    a.model_version_id,
    m.name AS model_name,
    m.version AS model_version,
    m.sha256 AS model_sha256,
    a.sex,
    a.n_assessed,
    coalesce(f.n, 0) AS n,
    coalesce(f.n_other_reads, 0) AS n_other_reads,
    coalesce(f.n_without_bone_age, 0) AS n_without_bone_age,
    f.mae_months,
    f.rmse_months,
    f.r2,
    f.bias_months,
    f.within_12_months,
    f.interval_coverage,
    f.recall_child,
    f.recall_adolescent,
    f.recall_adult,
    coalesce(f.n_with_age, 0) AS n_with_age,
    f.clinically_significant_errors,
    a.novelty_flags,
    a.mean_sex_effect_months
FROM assessed AS a
INNER JOIN model_version AS m ON a.model_version_id = m.id
LEFT JOIN figures AS f ON a.model_version_id = f.model_version_id AND a.sex = f.sex
