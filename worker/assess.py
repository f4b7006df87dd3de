"""One assessment, from the standard radiograph to the row: the table of contents of everything in between.

Before it: ``worker.read`` wrote the standard radiograph. After it: the views ``result`` and ``worklist``,
and ``worker.deliver``.
"""

from time import perf_counter

from db import deliveries, fault, settings
from db.states import Claim
from db.vocabulary import Sex
from worker import radiograph as standard
from worker.active import Active
from worker.app import offer
from worker.correction import corrected
from worker.estimate import estimate, interval_of
from worker.explain import explain
from worker.look import look
from worker.maturity import ChronologicalAge, deviation
from worker.record import Finding, Timings, record
from worker.review import review_reasons
from worker.settings import worker
from worker.side import Declared, judge
from worker.stage import probabilities_of, stage_of
from worker.store_outage import told_apart


def assess(claim: Claim, active: Active) -> None:
    """Estimate bone age, stage and heat map of one radiograph and store them.

    Parameters
    ----------
    claim
        The radiograph, claimed for this step.
    active
        The model that assesses, with its engine.
    """
    row, started = claim.radiograph, perf_counter()
    store = settings.shared().store
    with told_apart(store):
        pixels = standard.load(store / str(row.standard_path), str(row.standard_sha256))
    load_ms = (perf_counter() - started) * 1000
    sex = Sex(row.patient_sex)
    age = ChronologicalAge.of(
        row.chronological_age_months, row.chronological_age_source, row.chronological_age_span_months
    )
    declared = Declared.of(row)
    seen = look(pixels, active, sex, declared)
    fault.point("assess_predicted")
    estimated = corrected(estimate(seen.predictions), active.correction, sex)
    verdict = judge(seen.pose, declared)
    finding = Finding(
        estimated,
        stage_of(estimated),
        explain(seen.predictions.heat_map.mean(axis=0)),
        Timings(load_ms + seen.preprocess_ms, seen.predict_ms),
        deviation(estimated, active.calibration, sex, age),
        interval_of(estimated, active.calibration, sex),
        probabilities_of(estimated, active.calibration, sex),
        seen.novelty,
        review_reasons(seen.radiograph, seen.novelty, seen.pose.turn_degrees) + verdict.review_reasons,
        seen.notes + verdict.notes,
        seen.pose.side,
    )
    for delivery_id in record(claim, active, finding, worker().destinations or ()):
        offer(deliveries.QUEUE, delivery_id)
