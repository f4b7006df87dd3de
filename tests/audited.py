"""Radiographs with reads for tests of the gender audit, and the figures that numpy gives for them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, text
from sqlalchemy.orm import Session

from db.session import transaction
from db.tables import ReadingList, ReadingListItem, ReferenceRead
from db.vocabulary import State
from tests.rows import add_assessment, add_radiograph

Floats = npt.NDArray[np.float64]
_EDGES = (36, 72, 120, 168, 216)
_FEWEST = 5


def rows(view: str) -> list[dict[str, Any]]:
    with transaction() as session:
        return [dict(row) for row in session.execute(text(f"SELECT * FROM {view}")).mappings()]


def by_sex() -> dict[str, dict[str, Any]]:
    return {row["sex"]: row for row in rows("gender_audit")}


def gaps(model: str | None = None) -> dict[tuple[str, bool], dict[str, Any]]:
    found = [row for row in rows("gender_audit_gap") if model in {None, row["model_name"]}]
    return {(row["figure"], row["is_standardised"]): row for row in found}


def add_judged(  # noqa: PLR0917  they read like a row
    session: Session, model: int, number: int, sex: str, reference: float, estimate: float | None, **columns: Any
) -> int:
    """Add a radiograph of a patient of her own with an assessment and a sampled, blinded read; return its id."""
    radiograph_id = add_radiograph(
        session, f"1.2.{number}", patient_sex=sex, state=State.COMPLETED, due_at=None, ended_at=func.now()
    )
    add_assessment(session, radiograph_id, model, bone_age_months=estimate, **columns)
    drawn = ReadingList(seed=0)
    session.add(drawn)
    session.flush()
    session.add(ReadingListItem(reading_list_id=drawn.id, radiograph_id=radiograph_id, position=1))
    session.flush()
    session.add(read(radiograph_id, reference, reading_list_id=drawn.id, is_blinded=True))
    session.flush()
    return radiograph_id


def read(radiograph_id: int, months: float, reader: str = "A", **columns: Any) -> ReferenceRead:
    return ReferenceRead(radiograph_id=radiograph_id, reader=reader, method="GP", bone_age_months=months, **columns)


def figures(reference: Floats, error: Floats, weights: Floats | None = None) -> dict[str, float]:
    """Return MAE, RMSE, bias and R² by their definitions, of radiographs that weigh alike or as told."""
    weights = np.ones_like(error) if weights is None else weights
    mean = np.average(reference, weights=weights)
    return {
        "mae_months": float(np.average(np.abs(error), weights=weights)),
        "rmse_months": float(np.sqrt(np.average(error**2, weights=weights))),
        "bias_months": float(np.average(error, weights=weights)),
        "r2": float(1 - np.average(error**2, weights=weights) / np.average((reference - mean) ** 2, weights=weights)),
    }


def gap(
    reference: Floats, error: Floats, is_male: npt.NDArray[np.bool_], counts: Floats
) -> dict[tuple[str, bool], float]:
    """Return each gap, as it is and standardised, of radiographs that were taken so often.

    Age groups with fewer than 5 radiographs of a sex are left out of the standardised ones, by the radiographs there
    are, however often each was taken.
    """
    group = np.digitize(reference, _EDGES)
    kept = [
        one for one in range(6) if min(np.sum(is_male & (group == one)), np.sum(~is_male & (group == one))) >= _FEWEST
    ]
    share = {one: counts[group == one].sum() for one in kept}
    told: list[dict[tuple[str, bool], float]] = []
    for of_sex in (is_male, ~is_male):
        plain = figures(reference[of_sex], error[of_sex], counts[of_sex])
        weights = np.zeros_like(error)
        for one in kept:
            chosen = of_sex & (group == one)
            weights[chosen] = counts[chosen] * share[one] / counts[chosen].sum()
        standard = figures(reference[of_sex], error[of_sex], weights[of_sex])
        del standard["r2"]
        told.append(
            {(name, False): value for name, value in plain.items()} | {(n, True): v for n, v in standard.items()}
        )
    boys, girls = told
    return {key: boys[key] - girls[key] for key in boys}
