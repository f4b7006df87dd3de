-- One row for each object of a result and each destination: how far it got, and why it is not there yet.
SELECT
    d.id AS delivery_id,
    a.radiograph_id,
    r.study_instance_uid,
    r.accession_number,
    d.destination,
    d.object,
    d.sop_instance_uid,
    d.state,
    d.attempts,
    d.refusals,
    d.last_error,
    d.planned_at,
    d.due_at,
    d.delivered_at,
    d.commitment_uid IS NOT NULL AS is_commitment_asked,
    d.committed_at
FROM delivery AS d
INNER JOIN assessment AS a ON d.assessment_id = a.id
INNER JOIN radiograph AS r ON a.radiograph_id = r.id
