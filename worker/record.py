"""One result in one transaction: the assessment with its gender-audit data, and the radiograph's end.

Before it: ``worker.assess`` has everything. After it: SQL.
"""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from db import states
from db.session import transaction
from db.states import Claim
from db.tables import MAX_BONE_AGE_MONTHS, Assessment, Radiograph
from db.vocabulary import Sex, Stage
from worker.active import Active, model_version_id
from worker.engines import Predictions
from worker.explain import HeatMap
from worker.stage import stage, stage_under_both


@dataclass(frozen=True)
class Timings:
    """How long the steps before this one took."""

    preprocess_ms: float
    predict_ms: float


def record(claim: Claim, active: Active, predictions: Predictions, heat_map: HeatMap, timings: Timings) -> None:
    """Store one assessment and end the radiograph as ``COMPLETED``, both or neither.

    Written twice for the same radiograph and model version, the first stands, and is the current one again. A
    radiograph that a later revision has superseded in the meantime gets its assessment, marked superseded.

    Raises
    ------
    TransientError
        When the database is away; nothing was written.
    LapsedClaimError
        When the radiograph has gone on without this worker; nothing was written.
    """
    columns = _estimates(claim.radiograph, active.bundle.card.takes_sex, predictions)
    with transaction() as session:
        started = perf_counter()
        model = model_version_id(session, active.bundle)
        superseded_at = session.scalar(
            select(Radiograph.superseded_at).where(Radiograph.id == claim.radiograph.id).with_for_update()
        )
        session.execute(
            update(Assessment)
            .where(
                Assessment.radiograph_id == claim.radiograph.id,
                Assessment.model_version_id != model,
                Assessment.superseded_at.is_(None),
            )
            .values(superseded_at=func.clock_timestamp())
        )
        states.finish(session, claim)
        session.execute(
            insert(Assessment)
            .values(
                radiograph_id=claim.radiograph.id,
                model_version_id=model,
                heat_map=heat_map.grid.tolist(),
                heat_map_peak_months=heat_map.peak_months,
                queue_ms=claim.waited_ms,
                preprocess_ms=timings.preprocess_ms,
                predict_ms=timings.predict_ms,
                record_ms=(perf_counter() - started) * 1000,
                engine=active.engine_name,
                superseded_at=superseded_at,
                **columns,
            )
            .on_conflict_do_update(
                index_elements=["radiograph_id", "model_version_id"], set_={"superseded_at": superseded_at}
            )
        )


def _estimates(radiograph: Radiograph, takes_sex: bool, predictions: Predictions) -> dict[str, Any]:
    sex = Sex(radiograph.patient_sex)
    is_sex_used = takes_sex and sex.is_known
    headline = _months(predictions.bone_age_months)
    if_female = _months(predictions.bone_age_if_female_months)
    if_male = _months(predictions.bone_age_if_male_months)
    return {
        "sex_used": sex if is_sex_used else None,
        "sex_source": "PatientSex" if is_sex_used else None,
        "bone_age_months": headline,
        "bone_age_if_female_months": if_female,
        "bone_age_if_male_months": if_male,
        "stage": _stage(headline, if_female, if_male),
        "chronological_age_months": radiograph.chronological_age_months,
        "chronological_age_source": radiograph.chronological_age_source,
    }


def _stage(headline: float | None, if_female: float | None, if_male: float | None) -> Stage | None:
    if headline is not None:
        return stage(headline)
    return None if if_female is None or if_male is None else stage_under_both(if_female, if_male)


def _months(estimate: np.ndarray[Any, np.dtype[np.float32]]) -> float | None:
    """Return the first of a batch of estimates, clipped to the range that a bone age can have; NaN is None."""
    months = float(estimate[0])
    return None if np.isnan(months) else float(np.clip(months, 0, MAX_BONE_AGE_MONTHS))
