"""Of a reader's reads of a radiograph the latest stands, whoever inserts them and in whatever order."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.roles import Role
from db.session import transaction
from db.tables import ReadingList, ReadingListItem, ReferenceRead
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.rows import add_assessment, add_model_version, add_radiograph

pytestmark = pytest.mark.usefixtures("carpus_env")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENDED: dict[str, Any] = {"state": State.COMPLETED, "due_at": None, "ended_at": NOON}
ENTERED = "INSERT INTO reference_read (radiograph_id, reader, method, bone_age_months, read_at) VALUES "


def enter(session: Session, months: float, read_at: datetime = NOON, **columns: Any) -> None:
    read = {"radiograph_id": 1, "reader": "A", "method": "GP", "bone_age_months": months, "read_at": read_at}
    session.add(ReferenceRead(**read | columns))
    session.flush()


def add_list(session: Session, *radiograph_ids: int) -> int:
    drawn = ReadingList(seed=7)
    session.add(drawn)
    session.flush()
    for position, radiograph_id in enumerate(radiograph_ids, start=1):
        session.add(ReadingListItem(reading_list_id=drawn.id, radiograph_id=radiograph_id, position=position))
    session.flush()
    return drawn.id


def shown(columns: str) -> list[tuple[Any, ...]]:
    with transaction() as session:
        return [tuple(row) for row in session.execute(text(f"SELECT {columns} FROM reads ORDER BY read_id"))]


@pytest.mark.parametrize(
    ("hours", "standing"),
    [((0, 1, 2), 3), ((2, 1, 0), 1), ((1, 2, 0), 2), ((0, 0, 0), 3)],
    ids=["in order", "the last first", "in no order", "all at once: the last inserted"],
)
@pytest.mark.parametrize("is_one_statement", [True, False])
def test_the_latest_read_stands(
    carpus_env: CarpusEnvironment, hours: tuple[int, ...], standing: int, is_one_statement: bool
) -> None:
    with transaction() as session:
        add_radiograph(session, **ENDED)
    values = [f"(1, 'A', 'GP', {number}, '{NOON + hour * HOUR}')" for number, hour in enumerate(hours, start=1)]
    with psycopg.connect(carpus_env.servers.postgres.libpq_url_of(Role.READS)) as connection:
        for rows in [", ".join(values)] if is_one_statement else values:
            connection.execute((ENTERED + rows).encode())
    assert shown("bone_age_months, is_current") == [(number, number == standing) for number in (1, 2, 3)]


def test_reads_of_other_readers_and_other_radiographs_stay() -> None:
    with transaction() as session:
        add_radiograph(session, **ENDED)
        add_radiograph(session, "1.2.4", **ENDED)
        enter(session, 90)
        enter(session, 92, reader="B")
        enter(session, 94, radiograph_id=2)
        enter(session, 96, NOON + HOUR)
    assert shown("bone_age_months, is_current") == [(90, False), (92, True), (94, True), (96, True)]


def test_two_sessions_that_enter_reads_of_one_reader_take_turns(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        add_radiograph(session, **ENDED)
    url = carpus_env.servers.postgres.libpq_url_of(Role.READS)

    def enter_second() -> None:
        with psycopg.connect(url) as connection:
            connection.execute(f"{ENTERED} (1, 'A', 'GP', 2, '{NOON}')".encode())

    second = threading.Thread(target=enter_second)
    with psycopg.connect(url) as connection:
        connection.execute(f"{ENTERED} (1, 'A', 'GP', 1, '{NOON}')".encode())
        second.start()
        second.join(0.2)
        assert second.is_alive()
    second.join(10)
    assert shown("bone_age_months, is_current") == [(1, False), (2, True)]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("(1, '  ', 'GP', 90, now())", "reader is empty"),
        ("(1, 'A', 'GP', 90, now() + interval '1 hour')", "read_at is in the future"),
        ("(1, 'A', 'GP', 90, 'infinity')", "read_at is in the future"),
        ("(1, 'A', 'GP', 301, now())", "ck_reference_read_bone_age_months"),
        ("(1, 'A', 'GP', 'NaN', now())", "ck_reference_read_bone_age_months"),
        ("(2, 'A', 'GP', 90, now())", "fk_reference_read_radiograph_id"),
    ],
)
def test_an_impossible_read_is_refused_by_the_database(carpus_env: CarpusEnvironment, values: str, told: str) -> None:
    with transaction() as session:
        add_radiograph(session, **ENDED)
    url = carpus_env.servers.postgres.libpq_url_of(Role.READS)
    with psycopg.connect(url) as connection, pytest.raises(psycopg.IntegrityError, match=told):
        connection.execute((ENTERED + values).encode())
    assert shown("1") == []


def test_a_read_is_sampled_only_where_its_list_holds_the_radiograph() -> None:
    with transaction() as session:
        reading_list_id = add_list(session, add_radiograph(session, **ENDED))
        other = add_radiograph(session, "1.2.4", **ENDED)
        enter(session, 90, reading_list_id=reading_list_id, is_blinded=True)
    with pytest.raises(IntegrityError, match="reading_list_id_radiograph_id"), transaction() as session:
        enter(session, 90, radiograph_id=other, reading_list_id=reading_list_id)
    assert shown("radiograph_id, is_sampled, is_counted") == [(1, True, True)]


def test_a_read_that_nobody_asked_for_takes_no_place_in_the_audit() -> None:
    with transaction() as session:
        reading_list_id = add_list(session, add_radiograph(session, **ENDED))
        add_assessment(session, 1, add_model_version(session), bone_age_months=110.0)
        asked = {"reading_list_id": reading_list_id, "is_blinded": True}
        enter(session, 90, **asked)
        enter(session, 96, NOON + HOUR, **asked)  # read again
        enter(session, 120, NOON + 2 * HOUR)  # disagreeing, the estimate before the eyes
        enter(session, 95, NOON + 2 * HOUR, reading_list_id=reading_list_id, reader="B")  # who had seen it
    assert shown("bone_age_months, is_sampled, is_blinded, is_current, is_counted") == [
        (90, True, True, False, False),
        (96, True, True, False, True),
        (120, False, False, True, False),
        (95, True, False, True, False),
    ]
    with transaction() as session:
        assert session.scalar(text("SELECT reference_bone_age_months FROM result")) == 107.5
        row = session.execute(text("SELECT position, reads, is_current FROM reading_lists")).one()
    assert row == (1, 3, True)


def test_reads_of_superseded_revisions_are_not_current() -> None:
    with transaction() as session:
        reading_list_id = add_list(session, add_radiograph(session, **ENDED, superseded_at=NOON))
        enter(session, 90, reading_list_id=reading_list_id, is_blinded=True)
    assert shown("is_sampled, is_current, is_counted") == [(True, False, False)]
    with transaction() as session:
        assert session.scalar(text("SELECT is_current FROM reading_lists")) is False


def test_a_radiograph_goes_with_its_reads_and_its_places_in_lists() -> None:
    with transaction() as session:
        reading_list_id = add_list(session, add_radiograph(session, **ENDED), add_radiograph(session, "1.2.4", **ENDED))
        enter(session, 90, reading_list_id=reading_list_id)
        enter(session, 91, reading_list_id=reading_list_id)
        session.execute(text("DELETE FROM radiograph WHERE id = 1"))
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM reference_read")) == 0
        assert [row.position for row in session.execute(text("SELECT position FROM reading_lists"))] == [2]
