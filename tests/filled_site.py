"""A site in the database and the store: radiographs that were received, and a reader who has read them."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from sqlalchemy import insert

from db.session import transaction
from db.tables import Radiograph, ReadingList, ReadingListItem, ReferenceRead
from db.vocabulary import Sex, State
from tests.rows import DIGEST
from training.cases import Case
from training.sources.phantoms import drawn_case
from worker import radiograph

ISSUER = "site"
_FIRST_SEED = 5_000_000_000  # of hands that no recipe draws
_READER_SD_MONTHS = 3.0

Reads = Callable[[Case], float]


def hands(count: int) -> list[Case]:
    """Return so many drawn hands, each of a patient of its own, that no recipe learns from."""
    return [drawn_case(seed) for seed in range(_FIRST_SEED, _FIRST_SEED + count)]


def read_as_drawn(case: Case) -> float:
    """Return what a reader says who is right but for a spread of three months."""
    spread = np.random.default_rng([int(case.name.split()[1]), 7]).normal(0, _READER_SD_MONTHS)
    return float(np.clip(case.bone_age_months + spread, 0, 228))


def girls_older(case: Case) -> float:
    """Return what a reader says by another standard: girls are six months older."""
    return min(read_as_drawn(case) + (6.0 if case.sex is Sex.FEMALE else 0.0), 234.0)


def draw_all(store: Path, cases: Sequence[Case], rows: int) -> list[str]:
    """Store pictures as standard radiographs, drawn ones of so many rows, and return their digests."""
    with multiprocessing.get_context("spawn").Pool(os.cpu_count(), cv2.setNumThreads, (1,)) as pool:
        return pool.map(partial(_store, store=store, rows=rows), cases, chunksize=16)


def enter(cases: Sequence[Case], digests: Sequence[str], reads: Reads) -> None:
    """Enter radiographs that are in the store, all of them read because a reading list asked."""
    with transaction() as session:
        columns = [_columns(case, digest) for case, digest in zip(cases, digests, strict=True)]
        ids = session.scalars(insert(Radiograph).returning(Radiograph.id, sort_by_parameter_order=True), columns).all()
        drawn = ReadingList(seed=1)
        session.add(drawn)
        session.flush()
        items = [{"reading_list_id": drawn.id, "radiograph_id": one, "position": n} for n, one in enumerate(ids, 1)]
        session.execute(insert(ReadingListItem), items)
        session.execute(
            insert(ReferenceRead),
            [
                {"radiograph_id": one, "reading_list_id": drawn.id, "is_blinded": True, "reader": "A", "method": "GP"}
                | {"bone_age_months": reads(case)}
                for one, case in zip(ids, cases, strict=True)
            ],
        )


def read_again(ids: Sequence[int], months: Sequence[float]) -> None:
    """Let the reader read radiographs once more, by no list."""
    with transaction() as session:
        session.execute(
            insert(ReferenceRead),
            [
                {"radiograph_id": one, "reader": "A", "method": "GP", "bone_age_months": said}
                for one, said in zip(ids, months, strict=True)
            ],
        )


def _path(case: Case) -> str:
    return f"standard/00/1.2.{case.name.split()[1]}.1.npy"


def _store(case: Case, store: Path, rows: int) -> str:
    return radiograph.save(case.picture.standard_radiograph(rows), store / _path(case), store / "incoming")


def _columns(case: Case, digest: str) -> dict[str, object]:
    uid = f"1.2.{case.name.split()[1]}"
    return {
        "sop_instance_uid": uid,
        "revision": 1,
        "sha256": DIGEST,
        "size_bytes": 1000,
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "object_path": f"objects/00/{uid}.dcm",
        "patient_id": uid,
        "patient_id_issuer": ISSUER,
        "patient_sex": case.sex,
        "state": State.COMPLETED,
        "due_at": None,
        "ended_at": datetime.now(UTC),
        "standard_path": _path(case),
        "standard_sha256": digest,
    }
