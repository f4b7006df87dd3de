"""An assessed radiograph with its files, of which results can be delivered, without a modality or a network."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from sqlalchemy import select, text

from db import deliveries
from db.session import transaction
from db.tables import Assessment, Delivery, Radiograph
from db.vocabulary import ResultObject, State
from tests.objects import as_file, hand_radiograph
from tests.rows import DIGEST, add_assessment, add_model_version, add_radiograph
from worker import radiograph
from worker.deliver.uids import object_uid

SDS = {"bone_age_sds": 1.25, "chronological_age_months": 108.0, "chronological_age_source": "PatientBirthDate"}
INTERVAL = {"bone_age_low_months": 110.0, "bone_age_high_months": 131.5, "interval_calibrated_on": "drawn hands"}
_OF_ROW = {"patient_sex", "revision", "sha256", "superseded_at", "state", "due_at", "ended_at"}
ANSWER: dict[str, Any] = {
    "bone_age_months": 120.4,
    "bone_age_if_female_months": 120.4,
    "bone_age_if_male_months": 133.0,
    "stage": "adolescent",
    "sex_used": "F",
    "sex_source": "PatientSex",
}


def add_result(store: Path, source: Dataset | None = None, **columns: Any) -> int:
    """Add a radiograph of a girl with its files and an assessment of 120.4 months, and return the assessment's id."""
    source = source or hand_radiograph()
    uid = str(source.SOPInstanceUID)
    (store / "objects").mkdir(exist_ok=True)
    as_file(source, store / "objects" / f"{uid}.dcm")
    standard = f"standard/00/{uid}.1.npy"
    pixels = np.linspace(0, 65_535, 80 * 60).reshape(80, 60).astype(np.uint16)
    sha256 = radiograph.save(pixels, store / standard, store / "incoming")
    row = {
        "object_path": f"objects/{uid}.dcm",
        "standard_path": standard,
        "standard_sha256": sha256,
        "patient_sex": "F",
        "study_instance_uid": str(source.get("StudyInstanceUID", "")) or None,
        "state": State.COMPLETED,
        "due_at": None,
        "ended_at": datetime.now(UTC),
    }
    row |= {name: columns.pop(name) for name in _OF_ROW & set(columns)}
    with transaction() as session:
        model = session.scalar(text("SELECT id FROM model_version")) or add_model_version(session)
        return add_assessment(session, add_radiograph(session, uid, **row), model, **ANSWER | columns)


def planned(assessment_id: int, *destinations: str) -> list[int]:
    """Plan the deliveries of an assessment, and return what to publish."""
    with transaction() as session:
        of_assessment = select(Assessment.radiograph_id).where(Assessment.id == assessment_id).scalar_subquery()
        row = session.scalars(select(Radiograph).where(Radiograph.id == of_assessment)).one()
        uids = {kind: object_uid(row, DIGEST, kind) for kind in ResultObject}
        return deliveries.plan(session, assessment_id, uids, destinations or ("PACS",))


def rows() -> list[Delivery]:
    with transaction() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def due_now() -> None:
    """Let whatever waits be due."""
    with transaction() as session:
        session.execute(text("UPDATE delivery SET due_at = now() WHERE due_at IS NOT NULL"))
