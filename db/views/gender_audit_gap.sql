-- For each model version how much larger a figure is for boys than for girls: a row a figure, as it is, and standardised
-- to one age distribution, by which the verdict is given. The interval holds the gap in 19 of 20 samples of patients.
-- Judged are the radiographs of `gender_audit_radiograph`, by the same conditions, of known sex.
-- The interval is closed: each radiograph's influence on the gap (the delta method's linear term) is summed by patient,
-- and the squares of these sums make the variance (a sandwich clustered by patient).
-- pass: the whole interval lies inside the target; fail: the whole of it lies outside; else not enough data, as with
-- under 30 patients of a sex, or where over a tenth of the radiographs is in age groups that hold hardly any of one sex.
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
),

judged AS (
    -- One row for each radiograph: its error, and the age group of its reference.
    SELECT
        a.model_version_id,
        coalesce(r.patient_id_issuer, '') || E'\n' || coalesce(r.patient_id, 'radiograph ' || r.id) AS patient,
        r.patient_sex = 'M' AS is_male,
        reads.reference_months,
        a.bone_age_months - reads.reference_months AS error,
        width_bucket(reads.reference_months, ARRAY[36, 72, 120, 168, 216]::double precision[]) AS age_group
    FROM assessment AS a
    INNER JOIN radiograph AS r ON a.radiograph_id = r.id
    INNER JOIN reads ON a.radiograph_id = reads.radiograph_id
    WHERE
        a.superseded_at IS NULL
        AND r.superseded_at IS NULL
        AND r.state = 'COMPLETED'
        AND r.patient_sex IN ('M', 'F')
        AND a.bone_age_months IS NOT NULL
),

counted AS (
    -- How many there are of each model version, before any age group is left out.
    SELECT
        model_version_id,
        count(*) AS n,
        count(DISTINCT patient) FILTER (WHERE is_male) AS male_patients,
        count(DISTINCT patient) FILTER (WHERE NOT is_male) AS female_patients
    FROM judged
    GROUP BY model_version_id
),

grouped AS (
    -- Each of them twice: in its age group, and with all others in one group, which leaves the figures as they are.
    SELECT
        judged.*,
        scheme.is_standardised,
        CASE WHEN scheme.is_standardised THEN judged.age_group END AS stratum
    FROM judged
    CROSS JOIN (VALUES (FALSE), (TRUE)) AS scheme (is_standardised)
),

strata AS (
    -- Of each group the means by sex; age groups with fewer than 5 radiographs of a sex are left out.
    SELECT
        model_version_id,
        is_standardised,
        stratum,
        count(*) AS n,
        count(*) FILTER (WHERE is_male) AS male_n,
        count(*) FILTER (WHERE NOT is_male) AS female_n,
        avg(abs(error)) FILTER (WHERE is_male) AS male_mae,
        avg(abs(error)) FILTER (WHERE NOT is_male) AS female_mae,
        avg(error * error) FILTER (WHERE is_male) AS male_mse,
        avg(error * error) FILTER (WHERE NOT is_male) AS female_mse,
        avg(error) FILTER (WHERE is_male) AS male_bias,
        avg(error) FILTER (WHERE NOT is_male) AS female_bias,
        avg(reference_months) FILTER (WHERE is_male) AS male_reference,
        avg(reference_months) FILTER (WHERE NOT is_male) AS female_reference,
        nullif(var_pop(reference_months) FILTER (WHERE is_male), 0) AS male_variance,
        nullif(var_pop(reference_months) FILTER (WHERE NOT is_male), 0) AS female_variance
    FROM grouped
    GROUP BY model_version_id, is_standardised, stratum
    HAVING
        count(*) FILTER (WHERE is_male) >= CASE WHEN is_standardised THEN 5 ELSE 1 END
        AND count(*) FILTER (WHERE NOT is_male) >= CASE WHEN is_standardised THEN 5 ELSE 1 END
),

shares AS (
    -- The age distribution that both sexes are given: that of both together.
    SELECT
        *,
        n / sum(n) OVER (PARTITION BY model_version_id, is_standardised)::double precision AS share
    FROM strata
),

figures AS (
    -- Each sex's figures under that distribution; R² only as it is.
    SELECT
        model_version_id,
        is_standardised,
        sum(n)::double precision AS n,
        sum(share * male_mae) AS male_mae,
        sum(share * female_mae) AS female_mae,
        sqrt(sum(share * male_mse)) AS male_rmse,
        sqrt(sum(share * female_mse)) AS female_rmse,
        sum(share * male_bias) AS male_bias,
        sum(share * female_bias) AS female_bias,
        CASE WHEN NOT is_standardised THEN 1 - sum(male_mse / male_variance) END AS male_r2,
        CASE WHEN NOT is_standardised THEN 1 - sum(female_mse / female_variance) END AS female_r2
    FROM shares
    GROUP BY model_version_id, is_standardised
),

weighed AS (
    -- What each radiograph weighs in its sex's mean, girls negative, and how its age group's share is estimated.
    SELECT
        g.model_version_id,
        g.is_standardised,
        g.patient,
        g.error,
        CASE WHEN g.is_male THEN s.share / s.male_n ELSE - s.share / s.female_n END AS weight,
        CASE WHEN g.is_male THEN s.male_mae ELSE s.female_mae END AS mae,
        CASE WHEN g.is_male THEN s.male_mse ELSE s.female_mse END AS mse,
        CASE WHEN g.is_male THEN s.male_bias ELSE s.female_bias END AS bias,
        2 * nullif(CASE WHEN g.is_male THEN f.male_rmse ELSE f.female_rmse END, 0) AS twice_rmse,
        (s.male_mae - s.female_mae - f.male_mae + f.female_mae) / f.n AS mae_by_share,
        coalesce((s.male_mse - f.male_rmse ^ 2) / nullif(2 * f.male_rmse, 0) / f.n, 0)
        - coalesce((s.female_mse - f.female_rmse ^ 2) / nullif(2 * f.female_rmse, 0) / f.n, 0) AS rmse_by_share,
        (s.male_bias - s.female_bias - f.male_bias + f.female_bias) / f.n AS bias_by_share,
        g.reference_months - CASE WHEN g.is_male THEN s.male_reference ELSE s.female_reference END AS from_mean,
        CASE WHEN g.is_male THEN s.male_variance ELSE s.female_variance END AS variance
    FROM grouped AS g
    INNER JOIN shares AS s
        ON
            g.model_version_id = s.model_version_id
            AND g.is_standardised = s.is_standardised
            AND g.stratum IS NOT DISTINCT FROM s.stratum
    INNER JOIN figures AS f ON g.model_version_id = f.model_version_id AND g.is_standardised = f.is_standardised
),

influences AS (
    -- How far each patient moves each gap.
    SELECT
        model_version_id,
        is_standardised,
        patient,
        sum(weight * (abs(error) - mae) + mae_by_share) AS mae,
        sum(coalesce(weight * (error * error - mse) / twice_rmse, 0) + rmse_by_share) AS rmse,
        sum(weight * (error - bias) + bias_by_share) AS bias,
        sum(- weight * (error * error - mse / variance * from_mean ^ 2) / variance) AS r2
    FROM weighed
    GROUP BY model_version_id, is_standardised, patient
),

standard_errors AS (
    -- The root of the sum of squares, a little more for few patients; of one patient there is none.
    SELECT
        model_version_id,
        is_standardised,
        sqrt(sum(mae ^ 2) * count(*) / nullif(count(*) - 1, 0)) AS mae,
        sqrt(sum(rmse ^ 2) * count(*) / nullif(count(*) - 1, 0)) AS rmse,
        sqrt(sum(bias ^ 2) * count(*) / nullif(count(*) - 1, 0)) AS bias,
        sqrt(sum(r2 ^ 2) * count(*) / nullif(count(*) - 1, 0)) AS r2
    FROM influences
    GROUP BY model_version_id, is_standardised
),

gaps AS (
    -- A row for each figure; 1.96 standard errors either way. The targets are in months.
    SELECT
        f.model_version_id,
        f.is_standardised,
        f.n,
        told.figure,
        told.male,
        told.female,
        told.male - told.female AS gap,
        told.male - told.female - 1.959963984540054 * told.standard_error AS low,
        told.male - told.female + 1.959963984540054 * told.standard_error AS high,
        told.target
    FROM figures AS f
    INNER JOIN standard_errors AS e
        ON f.model_version_id = e.model_version_id AND f.is_standardised = e.is_standardised
    CROSS JOIN LATERAL (
        VALUES
        ('mae_months', f.male_mae, f.female_mae, e.mae, 2::double precision),
        ('rmse_months', f.male_rmse, f.female_rmse, e.rmse, 2),
        ('bias_months', f.male_bias, f.female_bias, e.bias, 2),
        ('r2', f.male_r2, f.female_r2, e.r2, 0.01)
    ) AS told (figure, male, female, standard_error, target)
    WHERE told.figure <> 'r2' OR NOT f.is_standardised
),

told AS (
    -- The verdict of each figure that has one.
    SELECT
        g.*,
        c.n - g.n AS n_left_out,
        c.male_patients,
        c.female_patients,
        CASE
            WHEN NOT g.is_standardised THEN NULL
            WHEN least(c.male_patients, c.female_patients) < 30 OR g.n < 0.9 * c.n THEN 'not enough data'
            WHEN g.low > -g.target AND g.high < g.target THEN 'pass'
            WHEN g.low >= g.target OR g.high <= -g.target THEN 'fail'
            ELSE 'not enough data'
        END AS verdict
    FROM gaps AS g
    INNER JOIN counted AS c ON g.model_version_id = c.model_version_id
)

SELECT
    t.model_version_id,
    m.name AS model_name,
    m.version AS model_version,
    m.sha256 AS model_sha256,
    t.figure,
    t.is_standardised,
    t.n::bigint AS n,
    t.n_left_out::bigint AS n_left_out,
    t.male_patients,
    t.female_patients,
    t.male,
    t.female,
    t.gap,
    t.low AS gap_low,
    t.high AS gap_high,
    t.target,
    t.verdict,
    CASE
        WHEN t.figure = 'r2' THEN 'shown only: a narrower spread of ages alone moves it'
        WHEN NOT t.is_standardised THEN 'shown only: the sexes'' ages differ'
    END AS note,
    -- Of the model version: it fails by one figure, and passes by all of them.
    CASE
        WHEN bool_or(t.verdict = 'fail') OVER of_model THEN 'fail'
        WHEN count(*) FILTER (WHERE t.verdict = 'pass') OVER of_model = 3 THEN 'pass'
        ELSE 'not enough data'
    END AS audit_verdict
FROM told AS t
INNER JOIN model_version AS m ON t.model_version_id = m.id
WINDOW of_model AS (PARTITION BY t.model_version_id)
