"""Radiographs of Carpus's own database that readers have given a bone age.

Before it: radiographs came, were read, and got rows in ``reference_read``. After it: `training.split` and
`training.cache`; `training.sources.site` asks for the same rows. Nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Row, Select, func, select, text

from db import settings
from db.session import transaction
from db.tables import Assessment, Radiograph, ReferenceRead
from db.vocabulary import DRAWN_READER, Sex, State
from training.cases import MAX_BONE_AGE_MONTHS, Case, DataError, refuse
from training.sources.source import Collected, pseudonym
from worker import radiograph
from worker.read import LONG_SIDE_PIXELS

IN_DATABASE = "in a Carpus database"  # by which a card says that any patient of it may have been learned from

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
        rows = session.execute(radiographs()).all()
    cases = tuple(
        case_of(row, row.bone_age_months, store, patient_of(row, row.patient_id_issuer or ""))
        for row in rows
        if Sex(row.patient_sex).is_known
    )
    if not cases:
        raise DataError(f"the database has {len(rows)} radiographs with reference reads, and none of known sex")
    check_bone_ages(cases)
    return Collected(_description(len(cases), len(rows)), cases)


def radiographs(*more: ColumnElement[Any]) -> Select[Any]:
    """Return the query of the current radiographs with reads that stand, in the order in which they came.

    Parameters
    ----------
    more
        Further columns; of a subquery that has yet to be joined.

    Returns
    -------
    sqlalchemy.Select
        Rows for `case_of`, with the mean of the reads that stand as ``bone_age_months``.
    """
    standing = (
        select(ReferenceRead.radiograph_id, func.avg(ReferenceRead.bone_age_months).label("bone_age_months"))
        .where(ReferenceRead.superseded_at.is_(None))
        .where(ReferenceRead.reader != DRAWN_READER)  # no radiograph of a patient
        .group_by(ReferenceRead.radiograph_id)
        .subquery("standing")
    )
    notes = (
        select(Assessment.notes)
        .where(Assessment.radiograph_id == Radiograph.id, Assessment.superseded_at.is_(None))
        .where(Assessment.is_shadow.is_(False))  # a shadow's stands beside the result
        .scalar_subquery()
    )
    columns = (
        *(Radiograph.id, Radiograph.sop_instance_uid, Radiograph.study_instance_uid, Radiograph.patient_id),
        *(Radiograph.patient_id_issuer, Radiograph.patient_sex, Radiograph.chronological_age_months),
        *(Radiograph.standard_path, Radiograph.standard_sha256),
    )
    return (
        select(*columns, standing.c.bone_age_months, notes.label("notes"), *more)
        .join(standing, standing.c.radiograph_id == Radiograph.id)
        .where(Radiograph.superseded_at.is_(None), Radiograph.standard_path.is_not(None), Radiograph.state.in_(_READ))
        .order_by(Radiograph.id)
    )


def case_of(row: Row[Any], bone_age_months: float, store: Path, patient: str) -> Case:
    """Return the case of a row.

    Parameters
    ----------
    row
        Of `radiographs`, of known sex.
    bone_age_months
        Of which of its reads.
    store
        Where its standard radiograph lies.
    patient
        Of `patient_of`.
    """
    return Case(
        name=f"radiograph {row.id}",
        patient=patient,
        sex=Sex(row.patient_sex),
        bone_age_months=float(bone_age_months),
        chronological_age_months=row.chronological_age_months,
        picture=StoredRadiograph(store / row.standard_path, row.standard_sha256, tuple(row.notes or ())),
    )


def patient_of(row: Row[Any], issuer: str = "") -> str:
    """Return the pseudonym of a row's patient, of the ID alone or with its issuer; without an ID each study is one."""
    if row.patient_id:
        return pseudonym(issuer, row.patient_id)
    return pseudonym("study", row.study_instance_uid or row.sop_instance_uid)


def check_bone_ages(cases: Sequence[Case]) -> None:
    """Refuse radiographs whose mean read no hand has.

    Raises
    ------
    DataError
        Telling all.
    """
    refuse(
        [
            f"{case.name}: the mean of its reference reads is {case.bone_age_months:g} months,"
            f" expected 0 to {MAX_BONE_AGE_MONTHS:.0f}"
            for case in cases
            if case.bone_age_months > MAX_BONE_AGE_MONTHS
        ]
    )


def _description(known: int, count: int) -> str:
    left_out = f"; {count - known:,} of unknown sex left out" if count > known else ""
    return f"{known:,} radiographs with reference reads {IN_DATABASE}{left_out}"
