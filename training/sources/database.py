"""Radiographs of Carpus's own database that readers have given a bone age.

Before it: radiographs came, were read, and got rows in ``reference_read``. After it: `training.split` and
`training.cache`. Nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row, Select, func, select, text

from db import settings
from db.session import transaction
from db.tables import Assessment, Radiograph, ReferenceRead
from db.vocabulary import DRAWN_READER, Sex, State
from training.cases import MAX_BONE_AGE_MONTHS, Case, DataError, refuse
from training.sources.source import Collected, pseudonym
from worker import radiograph
from worker.read import LONG_SIDE_PIXELS

_READ = (State.READ, State.ASSESSING, State.COMPLETED)


@dataclass(frozen=True)
class StoredRadiograph:
    """A standard radiograph in the store, known by its digest, and what was done to it before its assessment."""

    path: Path
    sha256: str
    notes: tuple[str, ...] = ()

    def standard_radiograph(self, rows: int = LONG_SIDE_PIXELS) -> npt.NDArray[np.uint16]:
        """Load it, bone bright, as it was assessed: a negative inverted, a right hand mirrored."""
        return radiograph.as_assessed(radiograph.load(self.path, self.sha256), self.notes)


def open_database() -> Collected:
    """Return the radiographs that have reference reads, in the database and the store of the settings.

    Returns
    -------
    Collected
        Of each SOP instance the current revision. The bone age is the mean of the reads that stand, as in the view
        `result`. Those of unknown sex are left out, and counted in the description.

    Raises
    ------
    DataError
        If there are none, or telling all whose mean is above 240 months.
    OutageError
        When the database does not answer.
    SettingsError
        When ``CARPUS_DATABASE_URL`` or its like is missing.
    """
    store = settings.shared().store
    with transaction() as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        rows = session.execute(_radiographs()).all()
    known = [row for row in rows if Sex(row.patient_sex).is_known]
    if not known:
        raise DataError(f"the database has {len(rows)} radiographs with reference reads, and none of known sex")
    refuse(
        [
            f"radiograph {row.id}: the mean of its reference reads is {row.bone_age_months:g} months,"
            f" expected 0 to {MAX_BONE_AGE_MONTHS:.0f}"
            for row in known
            if row.bone_age_months > MAX_BONE_AGE_MONTHS
        ]
    )
    return Collected(_description(known, len(rows)), tuple(_case(row, store) for row in known))


def _radiographs() -> Select[Any]:
    reference = func.avg(ReferenceRead.bone_age_months).label("bone_age_months")
    notes = (
        select(Assessment.notes)
        .where(Assessment.radiograph_id == Radiograph.id, Assessment.superseded_at.is_(None))
        .scalar_subquery()
    )
    columns = (
        *(Radiograph.id, Radiograph.patient_id_issuer, Radiograph.patient_id, Radiograph.patient_sex),
        *(Radiograph.chronological_age_months, Radiograph.standard_path, Radiograph.standard_sha256),
    )
    return (
        select(*columns, reference, notes.label("notes"))
        .join(ReferenceRead, ReferenceRead.radiograph_id == Radiograph.id)
        .where(Radiograph.superseded_at.is_(None), Radiograph.standard_path.is_not(None), Radiograph.state.in_(_READ))
        .where(ReferenceRead.superseded_at.is_(None))
        .where(ReferenceRead.reader != DRAWN_READER)  # no radiograph of a patient
        .group_by(Radiograph.id)
        .order_by(Radiograph.id)
    )


def _description(known: Sequence[Row[Any]], count: int) -> str:
    left_out = f"; {count - len(known):,} of unknown sex left out" if count > len(known) else ""
    return f"{len(known):,} radiographs with reference reads in a Carpus database{left_out}"


def _case(row: Row[Any], store: Path) -> Case:
    name = f"radiograph {row.id}"
    return Case(
        name=name,
        patient=pseudonym(row.patient_id_issuer or "", row.patient_id) if row.patient_id else name,
        sex=Sex(row.patient_sex),
        bone_age_months=float(row.bone_age_months),
        chronological_age_months=row.chronological_age_months,
        picture=StoredRadiograph(store / row.standard_path, row.standard_sha256, tuple(row.notes or ())),
    )
