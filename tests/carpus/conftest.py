"""Shared by the tests of the command line: patients to forget, and a machine on which nothing is configured."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from carpus import ports
from carpus.__main__ import app
from db.session import transaction
from db.vocabulary import State
from dicom_listener.store import Arrival
from tests.conftest import CarpusEnvironment
from tests.objects import as_file, hand_radiograph
from tests.rows import DIGEST, add_assessment, add_model_version, add_radiograph

FOLDERS = ("incoming", "inbox", "objects/00", "standard/00")


def forget(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["forget", *arguments], input=answer)


@pytest.fixture
def store(carpus_env: CarpusEnvironment) -> Path:
    for folder in FOLDERS:
        (carpus_env.store / folder).mkdir(parents=True)
    return carpus_env.store


@pytest.fixture
def keep(store: Path) -> Callable[..., int]:
    """Add an assessed radiograph of P1 with its files, and return its id."""

    def kept(uid: str, revision: int = 1, patient_id: str | None = "P1", issuer: str = "local", **columns: Any) -> int:
        sha256 = f"00{revision:062}"
        ends = {"state": State.COMPLETED, "ended_at": "now()", "due_at": None}
        paths = {
            "object_path": f"objects/00/{uid}.{sha256}.dcm",
            "standard_path": f"standard/00/{uid}.{revision}.npy",
        }
        for path in paths.values():
            (store / path).write_text(f"{patient_id} {issuer}")
        with transaction() as session:
            whose = {"patient_id": patient_id, "patient_id_issuer": issuer, "revision": revision, "sha256": sha256}
            radiograph_id = add_radiograph(session, uid, **whose | paths | ends | columns)
            model = session.scalar(text("SELECT id FROM model_version")) or add_model_version(session)
            add_assessment(session, radiograph_id, model, bone_age_months=94.0)
            session.execute(
                text("INSERT INTO reference_read VALUES (DEFAULT, :id, 'reader', 'GP', 94)"), {"id": radiograph_id}
            )
        return radiograph_id

    return kept


def arrived(store: Path, uid: str, **elements: str) -> Path:
    """Put a stored object into the inbox, as before it has a row."""
    path = store / "inbox" / Arrival(uid, DIGEST, 1).file_name
    return as_file(hand_radiograph(SOPInstanceUID=uid, **elements), path)


def left(store: Path) -> set[str]:
    return {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}


def revisions() -> list[tuple[str, int]]:
    with transaction() as session:
        found = session.execute(text("SELECT sop_instance_uid, revision FROM radiograph ORDER BY 1, 2"))
        return [(row.sop_instance_uid, row.revision) for row in found]


def count(table: str) -> int:
    with transaction() as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing configured, nothing running, free ports."""
    for name in [name for name in os.environ if name.startswith("CARPUS_")]:
        monkeypatch.delenv(name)
    for name in ("LISTENER", "POSTGRES", "REDIS", "FLOWER"):
        monkeypatch.setenv(f"CARPUS_{name}_PORT", str(ports.free_port()))
    monkeypatch.setenv("CARPUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
