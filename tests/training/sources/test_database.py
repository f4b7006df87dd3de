"""Radiographs of a real database: which are taken, with which age, and that nothing can be written."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from db.session import engine, transaction
from db.tables import ReferenceRead
from db.vocabulary import DRAWN_READER, Note, Sex, State
from tests.conftest import CarpusEnvironment
from tests.rows import add_assessment, add_model_version, add_radiograph
from training.cases import DataError
from training.sources import database
from worker import radiograph

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENDED: dict[str, Any] = {"state": State.COMPLETED, "due_at": None, "ended_at": NOON}
PICTURE = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)


def add(session: Session, store: Path, number: int, reads: tuple[float, ...], **columns: Any) -> int:
    path = f"standard/{number}.npy"
    sha256 = radiograph.save(PICTURE + np.uint16(number), store / path, store / "incoming")
    known = {"patient_sex": "F", "patient_id": f"P{number}", "patient_id_issuer": "local", **ENDED}
    kept = {"standard_path": path, "standard_sha256": sha256}
    radiograph_id = add_radiograph(session, f"1.2.{number}", **known | kept | columns)
    for reader, months in enumerate(reads):
        read = {"reader": f"reader {reader}", "method": "GP", "bone_age_months": months}
        session.add(ReferenceRead(radiograph_id=radiograph_id, **read))
    return radiograph_id


def test_current_radiographs_with_reference_reads_are_taken(carpus_env: CarpusEnvironment) -> None:
    store = carpus_env.store
    with transaction() as session:
        age = {"chronological_age_months": 130.0, "chronological_age_source": "PatientBirthDate"}
        add(session, store, 1, (120.0, 126.0), **age)
        waiting = {"state": State.READ, "due_at": NOON, "ended_at": None}
        add(session, store, 2, (60.0,), patient_sex="M", patient_id="P1", **waiting)
        add(session, store, 3, (60.0,), patient_id=None)
        add(session, store, 4, ())  # no reference read
        add(session, store, 5, (60.0,), superseded_at=NOON)
        add(session, store, 6, (60.0,), standard_path=None)  # purged
        add(session, store, 7, (60.0,), patient_sex="other")
        add(session, store, 8, (60.0,), state=State.REJECTED)
        drawn = add(session, store, 9, ())  # a hand that the demonstration drew
        session.add(ReferenceRead(radiograph_id=drawn, reader=DRAWN_READER, method="drawn", bone_age_months=60.0))
        earlier = {"reader": "reader 0", "method": "GP", "bone_age_months": 20.0, "superseded_at": NOON}
        session.add(ReferenceRead(radiograph_id=1, **earlier))
    source = database.open_database()
    assert source.description == "3 radiographs with reference reads in a Carpus database; 1 of unknown sex left out"
    first, second, third = source.cases
    assert [case.name for case in source.cases] == ["radiograph 1", "radiograph 2", "radiograph 3"]
    assert (first.sex, first.bone_age_months, first.chronological_age_months) == (Sex.FEMALE, 123.0, 130.0)
    assert (second.sex, second.bone_age_months, second.chronological_age_months) == (Sex.MALE, 60.0, None)
    assert first.patient == second.patient != third.patient
    assert "P1" not in first.patient
    assert (second.picture.standard_radiograph() == PICTURE + 2).all()


def test_radiographs_are_learned_from_as_they_were_assessed(carpus_env: CarpusEnvironment) -> None:
    assessed = [
        (1, [Note.INVERTED], None),
        (2, [], None),
        (3, [Note.INVERTED], NOON),
        (4, [Note.RIGHT], None),
        (5, [Note.INVERTED, Note.RIGHT_OR_MIRRORED], None),
    ]
    with transaction() as session:
        model = add_model_version(session)
        for number, notes, superseded_at in assessed:
            radiograph_id = add(session, carpus_env.store, number, (60.0, 70.0))
            columns = {"bone_age_months": 60.0, "notes": notes, "superseded_at": superseded_at}
            add_assessment(session, radiograph_id, model, **columns)
    first, second, third, fourth, fifth = (
        case.picture.standard_radiograph() for case in database.open_database().cases
    )
    assert np.array_equal(first, 65_535 - (PICTURE + 1))
    assert np.array_equal(second, PICTURE + 2)
    assert np.array_equal(third, PICTURE + 3)
    assert np.array_equal(fourth, (PICTURE + 4)[:, ::-1])
    assert np.array_equal(fifth, 65_535 - (PICTURE + 5)[:, ::-1])


def test_a_shadow_version_decides_nothing_of_how_a_radiograph_is_learned_from(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        radiograph_id = add(session, carpus_env.store, 1, (60.0,))
        active, shadow = add_model_version(session), add_model_version(session, sha256="1" * 64)
        add_assessment(session, radiograph_id, active, notes=[Note.INVERTED])
        add_assessment(session, radiograph_id, shadow, notes=[Note.RIGHT], is_shadow=True)
    (case,) = database.open_database().cases
    assert np.array_equal(case.picture.standard_radiograph(), 65_535 - (PICTURE + 1))


def test_a_radiograph_without_a_patient_id_is_the_same_patient_in_each_revision(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        add(session, carpus_env.store, 1, (60.0,), patient_id=None)
        add(session, carpus_env.store, 2, (60.0,), patient_id=None)
    first, second = database.open_database().cases
    assert first.patient != second.patient
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET superseded_at = now() WHERE id = 1"))
        add(session, carpus_env.store, 1, (60.0,), patient_id="", revision=2)
    _, revised = database.open_database().cases
    assert revised.patient == first.patient


def test_the_same_id_of_another_issuer_is_another_patient(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        add(session, carpus_env.store, 1, (60.0,))
        add(session, carpus_env.store, 2, (60.0,), patient_id="P1", patient_id_issuer="another hospital")
    first, second = database.open_database().cases
    assert first.patient != second.patient


def test_reads_that_no_hand_has_are_all_named(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        for number in (1, 2):
            add(session, carpus_env.store, number, (241.0, 299.0))
    with pytest.raises(DataError) as told:
        database.open_database()
    assert str(told.value).splitlines() == [
        f"radiograph {number}: the mean of its reference reads is 270 months, expected 0 to 240" for number in (1, 2)
    ]


def test_a_database_without_reference_reads_is_refused(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        add(session, carpus_env.store, 1, (60.0,), patient_sex="missing")
    with pytest.raises(DataError, match="the database has 1 radiographs with reference reads, and none of known sex"):
        database.open_database()


def test_nothing_can_be_written(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        add(session, carpus_env.store, 1, (60.0,))
    is_read_only = []

    def ask(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        if "reference_read" in statement:
            is_read_only.append(cursor.connection.execute("SHOW transaction_read_only").fetchone()[0])

    event.listen(engine(), "before_cursor_execute", ask)
    database.open_database()
    assert is_read_only == ["on"]
