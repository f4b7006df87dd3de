"""Rows for tests of states and views, without a sender or a worker."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from db.tables import Assessment, ModelVersion, Radiograph

DIGEST = "0" * 64


def add_radiograph(session: Session, sop_instance_uid: str = "1.2.3", **columns: Any) -> int:
    """Add a row as the listener does, and return its id."""
    row = Radiograph(
        **{
            "sop_instance_uid": sop_instance_uid,
            "revision": 1,
            "sha256": DIGEST,
            "size_bytes": 1000,
            "transfer_syntax_uid": "1.2.840.10008.1.2.1",
            "object_path": f"objects/{sop_instance_uid}.dcm",
            "due_at": datetime.now(UTC),
        }
        | columns
    )
    session.add(row)
    session.flush()
    return row.id


def add_model_version(session: Session, sha256: str = DIGEST) -> int:
    """Add a model version and return its id."""
    card = {"intended_use": "demonstration", "preprocessing": {"rows": 64, "columns": 64}}
    row = ModelVersion(name="drawn", version="1.0.0", sha256=sha256, card=card)
    session.add(row)
    session.flush()
    return row.id


def add_assessment(session: Session, radiograph_id: int, model_version_id: int, **columns: Any) -> int:
    """Add an assessment and return its id."""
    timings = dict.fromkeys(("queue_ms", "preprocess_ms", "predict_ms", "record_ms"), 1.0)
    row = Assessment(
        **{
            "radiograph_id": radiograph_id,
            "model_version_id": model_version_id,
            "heat_map": [[0.0, 1.0], [0.5, 0.25]],
            "heat_map_peak_months": 3.0,
            "engine": "test",
        }
        | timings
        | columns
    )
    session.add(row)
    session.flush()
    return row.id
