-- One row for each read of each radiograph by a reader, whether or not a later one of the same reader took its place.
-- A read is sampled where a reading list asked for it, and counts in the audit where it was blinded, too. One that
-- does not count takes the place of one that does in `result`, but not in the audit: what readers enter when they
-- disagree must not move it.
SELECT
    d.id AS read_id,
    d.radiograph_id,
    r.sop_instance_uid,
    d.reader,
    d.method,
    d.bone_age_months,
    d.read_at,
    d.reading_list_id,
    d.reading_list_id IS NOT NULL AS is_sampled,
    d.is_blinded,
    d.superseded_at IS NULL AND r.superseded_at IS NULL AS is_current,
    d.reading_list_id IS NOT NULL
    AND d.is_blinded
    AND r.superseded_at IS NULL
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
    ) AS is_counted
FROM reference_read AS d
INNER JOIN radiograph AS r ON d.radiograph_id = r.id
