-- One row for each model version: what it is, what it was made of, and where it is on its way.
-- Its figures are those of its card, on radiographs that it has not learned from, with their intervals; what it is worth
-- at this site is told by `gender_audit`. Without a status no bundle of it is kept.
SELECT
    m.id AS model_version_id,
    m.name AS model_name,
    m.version AS model_version,
    m.sha256 AS model_sha256,
    m.status,
    m.registered_at,
    (
        SELECT max(d.decided_at)
        FROM model_decision AS d
        WHERE d.model_version_id = m.id AND d.active_id = m.id
    ) AS promoted_at,
    m.parent_id AS parent_model_version_id,
    m.recipe ->> 'name' AS recipe_name,
    m.recipe,
    m.card #>> '{training_data,description}' AS data_description,
    m.card #>> '{training_data,digest}' AS data_sha256,
    m.card #>> '{metrics,held_out}' AS held_out,
    (m.card #>> '{metrics,overall,mae_months,value}')::double precision AS mae_months,
    (m.card #>> '{metrics,overall,mae_months,low}')::double precision AS mae_low_months,
    (m.card #>> '{metrics,overall,mae_months,high}')::double precision AS mae_high_months,
    m.card -> 'metrics' AS metrics,
    m.card ->> 'intended_use' AS intended_use,
    m.card ->> 'limitations' AS limitations
FROM model_version AS m
