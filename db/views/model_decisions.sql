-- One row for each decision about the model versions, by an operator or by a refresh; those that changed nothing, too.
SELECT
    d.id AS decision_id,
    d.decided_at,
    d.decision,
    d.reasons,
    d.model_version_id,
    m.name AS model_name,
    m.version AS model_version,
    m.sha256 AS model_sha256,
    d.active_id AS active_model_version_id,
    active.name AS active_model_name,
    active.version AS active_model_version,
    active.sha256 AS active_model_sha256,
    d.figures,
    d.report
FROM model_decision AS d
LEFT JOIN model_version AS m ON d.model_version_id = m.id
LEFT JOIN model_version AS active ON d.active_id = active.id
