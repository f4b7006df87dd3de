-- One row for each day (UTC) of the last 31, today's included, and engine: how long the radiographs took that came then
-- and have a result, in milliseconds. Half took no longer than p50, nineteen of twenty no longer than p95.
-- The steps are those of `result`, and the whole latency is from arrival to result. The day is that of arrival, as the
-- week in `drift`: what waited over night counts where it began to wait. What has no result yet is in `daily_throughput`.
-- Superseded revisions, shadows and imported predictions are left out.
SELECT
    date_bin('1 day', r.received_at, timestamptz '2000-01-01 00:00:00+00') AS day,
    a.engine,
    count(*) AS n,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY r.read_ms) AS read_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY r.read_ms) AS read_p95_ms,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY a.queue_ms) AS queue_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY a.queue_ms) AS queue_p95_ms,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY a.preprocess_ms) AS preprocess_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY a.preprocess_ms) AS preprocess_p95_ms,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY a.predict_ms) AS predict_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY a.predict_ms) AS predict_p95_ms,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY a.record_ms) AS record_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY a.record_ms) AS record_p95_ms,
    percentile_cont(0.5) WITHIN GROUP (
        ORDER BY extract(EPOCH FROM r.ended_at - r.received_at)::double precision * 1000
    ) AS latency_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (
        ORDER BY extract(EPOCH FROM r.ended_at - r.received_at)::double precision * 1000
    ) AS latency_p95_ms
FROM radiograph AS r
INNER JOIN assessment AS a ON r.id = a.radiograph_id AND a.superseded_at IS NULL AND NOT a.is_shadow
WHERE
    r.superseded_at IS NULL
    AND r.state = 'COMPLETED'
    -- What was imported has no stored object. The index holds all else, in the order of arrival.
    AND NOT starts_with(r.object_path, 'imported/')
    -- In hours, for a day of the session's time zone may have 23 of them.
    AND r.received_at >= date_trunc('day', now(), 'UTC') - interval '720 hours'
GROUP BY date_bin('1 day', r.received_at, timestamptz '2000-01-01 00:00:00+00'), a.engine
