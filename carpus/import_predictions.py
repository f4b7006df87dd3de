"""``carpus import-predictions``: any model's predictions as assessed radiographs with reads, so that they are audited.

Before it: a table as `training.predictions` reads it. After it: `carpus audit` and the views. Nothing else has work
with these rows: they have ended (no worker takes them), count as purged (retention, requeue and storage commitment
leave them alone, for no object is stored), and have no standard radiograph (training leaves them out) and no delivery.
They are known by ``object_path`` (``imported/DIGEST/…``), the issuer of their patients' IDs, the model version and the
engine, all of which say *imported*.
"""

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from carpus import database
from carpus.requeue import engine_of
from db.errors import PermanentError
from db.session import transaction
from db.tables import Assessment, AuditRun, ModelVersion, Radiograph, ReadingList, ReadingListItem, ReferenceRead
from db.vocabulary import AgeSource, Sex, State
from training.predictions import Predictions, load
from worker.stage import stage

IMPORTED = "imported"
_REFUSED = (
    "nothing was written: {}; this needs the database's owner and this version's tables, see `python -m db.migrate`"
)
_TRANSFER_SYNTAX_UID = "1.2.840.10008.1.2.1"  # the column must say one; nothing is stored in it


class ImportPredictionsError(PermanentError):
    """The predictions are there already, or not there, or the login may not; nothing was written."""


def run(path: Path, console: Console, *, is_removal: bool) -> None:
    """Import the predictions of each model in a table, or remove what was imported from it.

    Parameters
    ----------
    path
        The table.
    console
        Where the operator reads.
    is_removal
        Whether to remove: the radiographs, their reads, the model versions and their audits.

    Raises
    ------
    training.predictions.PredictionsError
        Telling all that is wrong in the table.
    ImportPredictionsError
        When nothing was written for another reason.
    """
    models = load(path)
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    with database.available() as url:
        engine = engine_of(url)
        try:
            with transaction(engine) as session:
                for model in models:
                    digest = hashlib.sha256(f"{content} {model.name}".encode()).hexdigest()
                    (_remove if is_removal else _import)(session, model, digest)
                # Or the planner takes the tables for empty until autovacuum comes by.
                session.execute(text("ANALYZE radiograph, assessment, reference_read, reading_list_item"))
        except ProgrammingError as error:
            raise ImportPredictionsError(_REFUSED.format(str(error.orig).partition("\n")[0])) from error
        finally:
            engine.dispose()
    for model in models:
        did = "removed" if is_removal else "imported"
        console.print(f"{model.name}: {len(model.names):,} radiographs {did}", highlight=False, markup=False)


def _import(session: Session, model: Predictions, digest: str) -> None:
    if session.scalar(select(ModelVersion.id).where(ModelVersion.sha256 == digest)):
        raise ImportPredictionsError(f"{model.name} was imported from this table already; --remove removes it")
    version = ModelVersion(name=model.name, version=IMPORTED, sha256=digest, card=_card(model.name))
    drawn = ReadingList(seed=0)
    session.add_all([version, drawn])
    session.flush()
    ids = session.scalars(
        insert(Radiograph).returning(Radiograph.id, sort_by_parameter_order=True), list(_radiographs(model, digest))
    ).all()
    ages = list(zip(ids, model.reference_months.tolist(), strict=True))
    session.execute(
        insert(ReadingListItem),
        [{"reading_list_id": drawn.id, "radiograph_id": one, "position": n} for n, one in enumerate(ids, 1)],
    )
    session.execute(
        insert(ReferenceRead),
        [
            {"radiograph_id": one, "reading_list_id": drawn.id, "bone_age_months": months}
            | {"reader": IMPORTED, "method": IMPORTED, "is_blinded": True}
            for one, months in ages
        ],
    )
    session.execute(insert(Assessment), list(_assessments(model, ids, version.id)))


def _remove(session: Session, model: Predictions, digest: str) -> None:
    version_id = session.scalar(select(ModelVersion.id).where(ModelVersion.sha256 == digest))
    if version_id is None:
        raise ImportPredictionsError(f"{model.name} was not imported from this table, as it is now")
    of_model = Radiograph.object_path.startswith(f"{IMPORTED}/{digest}/")
    items = select(ReadingListItem.reading_list_id).join(Radiograph, Radiograph.id == ReadingListItem.radiograph_id)
    lists = session.scalars(items.where(of_model).distinct()).all()
    session.execute(delete(Radiograph).where(of_model))  # their assessments, reads and places in lists go with them
    emptied = ~select(ReadingListItem).where(ReadingListItem.reading_list_id == ReadingList.id).exists()
    session.execute(delete(ReadingList).where(ReadingList.id.in_(lists), emptied))
    session.execute(delete(AuditRun).where(AuditRun.model_version_id == version_id))
    session.execute(delete(ModelVersion).where(ModelVersion.id == version_id))


def _card(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "intended_use": "imported predictions, for audits only",
        "limitations": "no bundle: predictions that some model made elsewhere",
        "preprocessing": {},
    }


def _radiographs(model: Predictions, digest: str) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    columns = (model.names, model.patients.tolist(), model.is_male.tolist(), model.chronological_age_months.tolist())
    for name, patient, is_male, age_months in zip(*columns, strict=True):
        is_known = not np.isnan(age_months)
        made_uid = uuid.uuid5(uuid.NAMESPACE_URL, f"{IMPORTED}/{digest}/{name}")
        yield {
            "sop_instance_uid": f"2.25.{made_uid.int}",  # PS3.5 section B.2
            "revision": 1,
            "sha256": digest,
            "size_bytes": 1,
            "transfer_syntax_uid": _TRANSFER_SYNTAX_UID,
            "object_path": f"{IMPORTED}/{digest}/{name}",
            "patient_id_issuer": f"{IMPORTED} {digest[:12]}",
            "patient_id": str(patient),
            "patient_sex": Sex.MALE if is_male else Sex.FEMALE,
            "chronological_age_months": age_months if is_known else None,
            "chronological_age_source": AgeSource.PATIENT_AGE if is_known else None,
            "state": State.COMPLETED,
            "due_at": None,
            "ended_at": now,
            "purged_at": now,
        }


def _assessments(model: Predictions, ids: Sequence[int], version_id: int) -> Iterator[dict[str, Any]]:
    columns = (ids, model.predicted_months.tolist(), model.chronological_age_months.tolist())
    for radiograph_id, months, age_months in zip(*columns, strict=True):
        is_known = not np.isnan(age_months)
        yield {
            "radiograph_id": radiograph_id,
            "model_version_id": version_id,
            "bone_age_months": months,
            "stage": stage(months),
            "chronological_age_months": age_months if is_known else None,
            "chronological_age_source": AgeSource.PATIENT_AGE if is_known else None,
            "heat_map": [[0.0]],
            "heat_map_peak_months": 0.0,
            "engine": IMPORTED,
            **dict.fromkeys(("queue_ms", "preprocess_ms", "predict_ms", "record_ms"), 0.0),
        }
