"""One assessment, from the standard radiograph to the row: the table of contents of everything in between.

Before it: ``worker.read`` wrote the standard radiograph. After it: the views ``result`` and ``worklist``,
and ``worker.deliver``.
"""

from time import perf_counter

import numpy as np
import numpy.typing as npt

from db import deliveries, fault, log, settings
from db.errors import CarpusError
from db.states import Claim
from db.tables import Radiograph
from db.vocabulary import Sex
from worker import radiograph as standard
from worker.active import Active
from worker.app import offer
from worker.correction import corrected
from worker.estimate import estimate, interval_of
from worker.explain import explain
from worker.look import look
from worker.maturity import ChronologicalAge, deviation
from worker.record import Finding, Timings, record, record_beside
from worker.review import review_reasons
from worker.serving import Serving
from worker.settings import worker
from worker.side import Declared, judge
from worker.stage import probabilities_of, stage_of
from worker.store_outage import told_apart

_log = log.get(__name__)


def assess(claim: Claim, serving: Serving) -> None:
    """Estimate bone age, stage and heat map of one radiograph and store them; then let a shadow do so beside.

    Parameters
    ----------
    claim
        The radiograph, claimed for this step.
    serving
        The model versions, with their engines.
    """
    started = perf_counter()
    store = settings.shared().store
    with told_apart(store):
        pixels = standard.load(store / str(claim.radiograph.standard_path), str(claim.radiograph.standard_sha256))
    load_ms = (perf_counter() - started) * 1000
    found = find(claim.radiograph, pixels, serving.active, load_ms)
    fault.point("assess_predicted")
    for delivery_id in record(claim, serving.active, found, worker().destinations or ()):
        offer(deliveries.QUEUE, delivery_id)
    if serving.shadow is not None:
        _assess_beside(claim, pixels, serving.shadow)


def find(row: Radiograph, pixels: npt.NDArray[np.uint16], active: Active, load_ms: float = 0) -> Finding:
    """Return what a model version says of a radiograph.

    Parameters
    ----------
    row
        The radiograph.
    pixels
        The standard one, (rows, columns) uint16, bone bright. Not changed.
    active
        The version.
    load_ms
        What loading the pixels took.
    """
    sex = Sex(row.patient_sex)
    age = ChronologicalAge.of(
        row.chronological_age_months, row.chronological_age_source, row.chronological_age_span_months
    )
    declared = Declared.of(row)
    seen = look(pixels, active, sex, declared)
    estimated = corrected(estimate(seen.predictions), active.correction, sex)
    verdict = judge(seen.pose, declared)
    return Finding(
        estimated,
        stage_of(estimated),
        explain(seen.predictions.heat_map.mean(axis=0)),
        Timings(load_ms + seen.preprocess_ms, seen.predict_ms),
        deviation(estimated, active.calibration, sex, age),
        interval_of(estimated, active.calibration, sex),
        probabilities_of(estimated, active.calibration, sex),
        seen.novelty,
        review_reasons(seen.radiograph, seen.hand, seen.novelty, seen.pose.turn_degrees) + verdict.review_reasons,
        seen.notes + verdict.notes,
        seen.pose.side,
    )


def _assess_beside(claim: Claim, pixels: npt.NDArray[np.uint16], shadow: Active) -> None:
    """Store what a shadow version says; the radiograph has its result, and a shadow's trouble is nobody's."""
    try:
        record_beside(claim, shadow, find(claim.radiograph, pixels, shadow))
    except CarpusError as error:
        _log.warning("shadow_failed", reason=str(error))
