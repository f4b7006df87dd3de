-- One row for each week (from Monday, UTC) in which radiographs came, and sex: does what comes, or what is said of it,
-- change? Superseded revisions, images that are no hand radiographs and imported predictions are left out.
-- Shares are from 0 to 1, and NULL where there is nothing to count.
WITH arrived AS (
    -- A stated age counts at the middle of its unit, as for the standard deviations.
    SELECT
        date_bin('7 days', r.received_at, timestamptz '2000-01-03 00:00:00+00') AS week, -- that was a Monday
        CASE WHEN r.patient_sex IN ('M', 'F') THEN r.patient_sex ELSE 'unknown' END AS sex,
        r.state,
        a.id AS assessment_id,
        a.bone_age_months - a.chronological_age_months - coalesce(
            a.chronological_age_span_months,
            CASE a.chronological_age_source WHEN 'PatientAge' THEN 12 ELSE 0 END
        ) / 2 AS ahead_months,
        a.novelty > 1 AS is_novel,
        a.review_reasons <> '{}' AS needs_review,
        extract(EPOCH FROM r.ended_at - r.received_at)::double precision * 1000 AS latency_ms
    FROM radiograph AS r
    LEFT JOIN assessment AS a ON r.id = a.radiograph_id AND a.superseded_at IS NULL AND NOT a.is_shadow
    WHERE r.superseded_at IS NULL AND r.state <> 'NOT_APPLICABLE' AND a.engine IS DISTINCT FROM 'imported'
)

SELECT
    week,
    sex,
    count(*) AS n_received,
    count(assessment_id) AS n_assessed,
    count(ahead_months) AS n_with_age,
    avg(ahead_months) AS mean_ahead_months,
    stddev_samp(ahead_months) AS sd_ahead_months,
    avg(is_novel::integer)::double precision AS novelty_share,
    avg(needs_review::integer)::double precision AS review_share,
    avg((state = 'REJECTED')::integer)::double precision AS rejection_share,
    avg((state = 'FAILED')::integer)::double precision AS failure_share,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE state = 'COMPLETED') AS latency_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE state = 'COMPLETED') AS latency_p95_ms
FROM arrived
GROUP BY week, sex
