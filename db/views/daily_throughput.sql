-- One row for each day (UTC) of the last 366, today's included, in which radiographs came: how many, and how they ended.
-- The day is that of arrival, so that n_received is the sum of those that ended in one way or another and of those that
-- still wait. Those that need a review, as `result` says, are among the completed.
-- Superseded revisions and imported predictions are left out, as in `drift`; what is no hand radiograph is not.
WITH came AS (
    -- What was imported has no stored object. The index holds all else, in the order of arrival, and no row is looked at.
    SELECT
        date_bin('1 day', r.received_at, timestamptz '2000-01-01 00:00:00+00') AS day,
        r.state,
        count(*) AS n
    FROM radiograph AS r
    WHERE
        r.superseded_at IS NULL
        AND NOT starts_with(r.object_path, 'imported/')
        -- In hours, for a day of the session's time zone may have 23 of them.
        AND r.received_at >= date_trunc('day', now(), 'UTC') - interval '8760 hours'
    GROUP BY date_bin('1 day', r.received_at, timestamptz '2000-01-01 00:00:00+00'), r.state
),

to_review AS (
    SELECT
        date_bin('1 day', r.received_at, timestamptz '2000-01-01 00:00:00+00') AS day,
        count(*) AS n
    FROM assessment AS a
    INNER JOIN radiograph AS r ON a.radiograph_id = r.id
    WHERE
        a.superseded_at IS NULL
        AND NOT a.is_shadow
        AND a.review_reasons <> '{}'
        AND r.superseded_at IS NULL
        AND r.state = 'COMPLETED'
        AND NOT starts_with(r.object_path, 'imported/')
    GROUP BY date_bin('1 day', r.received_at, timestamptz '2000-01-01 00:00:00+00')
)

SELECT
    c.day,
    sum(c.n)::bigint AS n_received,
    coalesce(sum(c.n) FILTER (WHERE c.state = 'COMPLETED'), 0)::bigint AS n_completed,
    coalesce(sum(c.n) FILTER (WHERE c.state = 'REJECTED'), 0)::bigint AS n_rejected,
    coalesce(sum(c.n) FILTER (WHERE c.state = 'FAILED'), 0)::bigint AS n_failed,
    coalesce(sum(c.n) FILTER (WHERE c.state = 'NOT_APPLICABLE'), 0)::bigint AS n_not_applicable,
    coalesce(sum(c.n) FILTER (WHERE c.state IN ('RECEIVED', 'READING', 'READ', 'ASSESSING')), 0)::bigint AS n_waiting,
    coalesce(max(v.n), 0)::bigint AS n_to_review
FROM came AS c
LEFT JOIN to_review AS v ON c.day = v.day
GROUP BY c.day
