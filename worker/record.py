"""One result in one transaction: the assessment with its gender-audit data, and the radiograph's end.

Before it: ``worker.assess`` has everything. After it: SQL.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db import deliveries, fault, states
from db.session import transaction
from db.states import Claim
from db.tables import Assessment, Radiograph
from db.vocabulary import Note, ResultObject, ReviewReason, SdsUnknown, Sex, Side, Stage
from worker.active import Active, model_version_id
from worker.calibration import AgeInterval
from worker.deliver.uids import object_uid
from worker.estimate import Estimate, StageProbabilities
from worker.explain import HeatMap
from worker.maturity import Deviation

_NATURAL_KEY = ("radiograph_id", "model_version_id")


@dataclass(frozen=True)
class Timings:
    """How long the steps before this one took."""

    preprocess_ms: float
    predict_ms: float


@dataclass(frozen=True)
class Finding:
    """What is stored of one assessment."""

    estimate: Estimate
    stage: Stage | None
    heat_map: HeatMap
    timings: Timings
    deviation: Deviation | SdsUnknown
    interval: AgeInterval | None = None
    stage_probabilities: StageProbabilities | None = None
    novelty: float | None = None
    review_reasons: tuple[ReviewReason, ...] = ()
    notes: tuple[Note, ...] = ()
    apparent_side: Side | None = None


def record(claim: Claim, active: Active, finding: Finding, destinations: Iterable[str] = ()) -> list[int]:
    """Store one assessment, end the radiograph as ``COMPLETED`` and plan its deliveries, all or nothing.

    Written twice for the same radiograph and model version, the first stands, and is the current one again. A
    radiograph that a later revision has superseded in the meantime gets its assessment, marked superseded.

    Parameters
    ----------
    claim
        The radiograph, claimed for assessing.
    active
        The model that assessed.
    finding
        What it found.
    destinations
        Where the result is to go, by AE title.

    Returns
    -------
    list of int
        Deliveries to publish, one for each destination; none of what is superseded.

    Raises
    ------
    TransientError
        When the database is away; nothing was written.
    LapsedClaimError
        When the radiograph has gone on without this worker; nothing was written.
    """
    with transaction() as session:
        started = perf_counter()
        model = model_version_id(session, active.bundle)
        superseded_at = states.finish(session, claim)  # which locks the row, so that it is superseded before or after
        _supersede_others(session, claim.radiograph.id, model)
        assessment_id = session.scalars(
            insert(Assessment)
            .values(
                superseded_at=superseded_at,
                **_columns(claim, active, finding, model),
                record_ms=(perf_counter() - started) * 1000,
            )
            .on_conflict_do_update(
                index_elements=_NATURAL_KEY, set_={"superseded_at": superseded_at, "is_shadow": False}
            )
            .returning(Assessment.id)
        ).one()
        planned = []
        if superseded_at is None:
            uids = {kind: object_uid(claim.radiograph, active.bundle.digest, kind) for kind in ResultObject}
            planned = deliveries.plan(session, assessment_id, uids, destinations)
        fault.point("assess_uncommitted")
    return planned


def record_beside(claim: Claim, shadow: Active, finding: Finding) -> None:
    """Store what a shadow version said of a radiograph; one that it has assessed already stays as it is.

    Parameters
    ----------
    claim
        The radiograph, whose own assessment is recorded.
    shadow
        The version.
    finding
        What it found.

    Raises
    ------
    TransientError
        When the database is away; nothing was written.
    """
    with transaction() as session:
        started = perf_counter()
        columns = _columns(claim, shadow, finding, model_version_id(session, shadow.bundle))
        record_ms = (perf_counter() - started) * 1000
        session.execute(
            insert(Assessment)
            .values(**columns, is_shadow=True, record_ms=record_ms)
            .on_conflict_do_nothing(index_elements=_NATURAL_KEY)
        )


def _supersede_others(session: Session, radiograph_id: int, model: int) -> None:
    session.execute(
        update(Assessment)
        .where(
            Assessment.radiograph_id == radiograph_id,
            Assessment.model_version_id != model,
            Assessment.superseded_at.is_(None),
            Assessment.is_shadow.is_(False),
        )
        .values(superseded_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )


def _columns(claim: Claim, active: Active, finding: Finding, model: int) -> dict[str, Any]:
    return {
        "radiograph_id": claim.radiograph.id,
        "model_version_id": model,
        "engine": active.engine_name,
        "views": active.views,
        "site_calibration_id": active.applied_site and active.applied_site.id,
        "queue_ms": claim.waited_ms,
        **_found(finding),
        **_facts(claim.radiograph, active.bundle.card.takes_sex),
    }


def _found(finding: Finding) -> dict[str, Any]:
    return {
        "stage": finding.stage,
        "novelty": finding.novelty,
        "review_reasons": list(finding.review_reasons),
        "notes": list(finding.notes),
        "apparent_side": finding.apparent_side,
        "heat_map": finding.heat_map.grid.tolist(),
        "heat_map_peak_months": finding.heat_map.peak_months,
        **asdict(finding.timings),
        **_months(finding.estimate),
        **_certainty(finding),
        **_deviation(finding.deviation),
    }


def _months(estimate: Estimate) -> dict[str, Any]:
    return {
        "bone_age_months": estimate.bone_age_months,
        "bone_age_if_female_months": estimate.if_female_months,
        "bone_age_if_male_months": estimate.if_male_months,
    }


def _certainty(finding: Finding) -> dict[str, Any]:
    """Return how sure the estimate is, as far as that is known."""
    columns: dict[str, Any] = {}
    if finding.interval is not None:
        columns |= {
            "bone_age_low_months": finding.interval.low_months,
            "bone_age_high_months": finding.interval.high_months,
            "interval_calibrated_on": finding.interval.calibrated_on,
        }
    if finding.stage_probabilities is not None:
        columns |= {f"stage_probability_{name}": one for name, one in asdict(finding.stage_probabilities).items()}
    return columns


def _deviation(found: Deviation | SdsUnknown) -> dict[str, Any]:
    if isinstance(found, SdsUnknown):
        return {"sds_unknown_because": found}
    columns = {
        "bone_age_sds": found.sds,
        "bone_age_low_sds": found.low_sds,
        "bone_age_high_sds": found.high_sds,
    }
    if found.probabilities is None:
        return columns
    likely = {f"probability_{name}": one for name, one in asdict(found.probabilities).items()}
    return columns | likely | {"maturity": found.probabilities.maturity}


def _facts(radiograph: Radiograph, takes_sex: bool) -> dict[str, Any]:
    """Return what a gender audit asks for beside the estimates."""
    sex = Sex(radiograph.patient_sex)
    is_sex_used = takes_sex and sex.is_known
    return {
        "sex_used": sex if is_sex_used else None,
        "sex_source": "PatientSex" if is_sex_used else None,
        "chronological_age_months": radiograph.chronological_age_months,
        "chronological_age_source": radiograph.chronological_age_source,
        "chronological_age_span_months": radiograph.chronological_age_span_months,
    }
