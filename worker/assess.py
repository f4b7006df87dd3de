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
from worker.estimate import estimate
from worker.explain import explain
from worker.preprocess import encode_sex, preprocess
from worker.record import Finding, Timings, record
from worker.stage import stage_of
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
    image = preprocess(pixels, active.bundle.card.preprocessing, active.bundle.folder)
    preprocessed = perf_counter()
    sex = np.array([encode_sex(Sex(row.patient_sex))], np.float32)
    predictions = active.engine.predict(image[np.newaxis], sex)
    predicted = perf_counter()
    fault.point("assess_predicted")
    estimated = estimate(predictions)
    timings = Timings(preprocess_ms=(preprocessed - started) * 1000, predict_ms=(predicted - preprocessed) * 1000)
    record(claim, active, Finding(estimated, stage_of(estimated), explain(predictions.heat_map[0]), timings))
