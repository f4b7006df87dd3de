"""One assessment, from the standard radiograph to the row: the table of contents of everything in between.

Before it: ``worker.read`` wrote the standard radiograph. After it: the views ``result`` and ``worklist``.
"""

from time import perf_counter

import numpy as np

from db import fault, settings
from db.states import Claim
from db.vocabulary import Sex
from worker import radiograph as standard
from worker.active import Active
from worker.estimate import estimate, interval_of, sex_inputs
from worker.explain import explain
from worker.maturity import ChronologicalAge, deviation
from worker.preprocess import preprocess
from worker.record import Finding, Timings, record
from worker.review import review_reasons
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
    row = claim.radiograph
    started = perf_counter()
    store = settings.shared().store
    with told_apart(store):
        pixels = standard.load(store / str(row.standard_path), str(row.standard_sha256))
    card, sex = active.bundle.card, Sex(row.patient_sex)
    image = preprocess(pixels, card.preprocessing, active.bundle.folder)
    preprocessed = perf_counter()
    inputs = sex_inputs(card, sex)
    predictions = active.engine.predict(np.repeat(image[np.newaxis], len(inputs), axis=0), inputs)
    predicted = perf_counter()
    fault.point("assess_predicted")
    estimated = estimate(predictions)
    age = ChronologicalAge.of(
        row.chronological_age_months, row.chronological_age_source, row.chronological_age_span_months
    )
    novelty = active.novelty.ratio(predictions.embedding) if active.novelty else None
    timings = Timings(preprocess_ms=(preprocessed - started) * 1000, predict_ms=(predicted - preprocessed) * 1000)
    finding = Finding(
        estimated,
        stage_of(estimated),
        explain(predictions.heat_map.mean(axis=0)),
        timings,
        deviation(estimated, active.calibration, sex, age),
        interval_of(estimated, active.calibration, sex),
        probabilities_of(estimated, active.calibration, sex),
        novelty,
        review_reasons(pixels, novelty),
    )
    record(claim, active, finding)
