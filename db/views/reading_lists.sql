-- One row for each radiograph of each reading list, with how many reads of it the list has brought.
SELECT
    l.id AS reading_list_id,
    l.drawn_at,
    l.stratified_by,
    l.seed,
    i.position,
    i.radiograph_id,
    r.sop_instance_uid,
    r.accession_number,
    r.superseded_at IS NULL AS is_current,
    brought.reads
FROM reading_list AS l
INNER JOIN reading_list_item AS i ON l.id = i.reading_list_id
INNER JOIN radiograph AS r ON i.radiograph_id = r.id
CROSS JOIN LATERAL (
    SELECT count(*) AS reads
    FROM reference_read AS d
    WHERE d.reading_list_id = i.reading_list_id AND d.radiograph_id = i.radiograph_id
) AS brought
