"""Migrations go up, down and up again, and the views are what their files say."""

import pytest
from alembic.util import CommandError
from sqlalchemy import inspect, text

from db import migrate, views
from db.errors import PermanentError
from db.session import engine, transaction
from db.tables import Base
from db.vocabulary import Note, ReviewReason, State
from tests.conftest import CarpusEnvironment
from tests.rows import add_assessment, add_model_version, add_radiograph


def _views() -> set[str]:
    return set(inspect(engine()).get_view_names())


def test_tables_in_code_are_the_tables_in_the_database(carpus_env: CarpusEnvironment) -> None:
    migrate.check()


def test_going_down_and_up_again_leaves_the_same_tables_and_views(carpus_env: CarpusEnvironment) -> None:
    assert _views() == set(views.definitions())
    migrate.downgrade("base")
    try:
        assert _views() == set()
        assert inspect(engine()).get_table_names() == ["alembic_version"]
        with pytest.raises(CommandError, match="Target database is not up to date"):
            migrate.check()
    finally:
        migrate.upgrade()
    migrate.check()
    assert _views() == set(views.definitions())
    assert set(inspect(engine()).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_large_tables_are_vacuumed_long_before_a_fifth_of_them_has_changed(carpus_env: CarpusEnvironment) -> None:
    asked = "SELECT relname FROM pg_class WHERE 'autovacuum_vacuum_insert_scale_factor=0.02' = ANY(reloptions)"
    with transaction() as session:
        assert set(session.scalars(text(asked))) == {"radiograph", "assessment"}


@pytest.mark.parametrize("column", ["committed_at", "purged_at"])
def test_nothing_in_custody_or_purged_is_forgotten_by_going_down(carpus_env: CarpusEnvironment, column: str) -> None:
    with transaction() as session:
        ended = {"state": State.COMPLETED, "due_at": None, "ended_at": text("now()")}
        add_radiograph(session, **ended, **{column: text("now()")})
    with pytest.raises(PermanentError, match=r"^1 radiographs are committed or purged"):
        migrate.downgrade("base")
    migrate.check()
    with transaction() as session:
        assert session.scalar(text(f"SELECT {column} IS NOT NULL FROM radiograph"))


def test_what_is_said_of_sides_goes_by_going_down_and_the_rest_stays(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        ended = {"state": State.COMPLETED, "due_at": None, "ended_at": text("now()")}
        reasons, notes = (
            [ReviewReason.CUT_OFF, ReviewReason.SIDE, ReviewReason.NOT_UPRIGHT],
            [Note.RIGHT, Note.INVERTED],
        )
        said = {"review_reasons": reasons, "notes": notes, "apparent_side": "right"}
        add_assessment(session, add_radiograph(session, **ended), add_model_version(session), **said)
    migrate.downgrade("0005")
    try:
        with transaction() as session:
            left = session.execute(text("SELECT review_reasons, notes FROM assessment")).one()
        assert left == ([ReviewReason.CUT_OFF], [Note.INVERTED])
    finally:
        migrate.upgrade()
    migrate.check()
    with transaction() as session:
        assert session.scalar(text("SELECT apparent_side IS NULL FROM assessment"))


def test_reads_stand_after_going_up_and_what_is_known_of_them_is_not_forgotten_by_going_down(
    carpus_env: CarpusEnvironment,
) -> None:
    entered = (
        "INSERT INTO reference_read (radiograph_id, reader, method, bone_age_months)  VALUES (:id, :reader, 'GP', 90)"
    )
    with transaction() as session:
        values = {"id": add_radiograph(session), "reader": "A"}
    migrate.downgrade("0007")
    try:
        with transaction() as session:
            session.execute(text(entered), values)
    finally:
        migrate.upgrade()
    with transaction() as session:
        shown = session.execute(text("SELECT is_sampled, is_blinded, is_current FROM reads"))
        assert [tuple(row) for row in shown] == [(False, False, True)]
        session.execute(text(entered), values)
    with pytest.raises(PermanentError, match=r"^1 reference reads are superseded, sampled or blinded"):
        migrate.downgrade("0007")
    migrate.check()


def test_a_view_whose_file_changed_is_replaced_and_others_are_left(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = views.definitions() | {"worklist": "SELECT 1 AS one"}
    with engine().connect() as connection, connection.begin() as transaction:
        monkeypatch.setattr(views, "definitions", lambda: changed)
        assert views.replace_changed(connection) == ["worklist"]
        assert views.replace_changed(connection) == []
        assert connection.scalar(text("SELECT one FROM worklist")) == 1
        transaction.rollback()


def test_every_constraint_has_a_name_of_the_convention(carpus_env: CarpusEnvironment) -> None:
    for table in Base.metadata.sorted_tables:
        for constraint in table.constraints:
            assert str(constraint.name).startswith(("pk_", "uq_", "ck_", "fk_")), (table.name, constraint)


def _definitions(schema: str) -> set[tuple[str, ...]]:
    """Return every constraint and index of our tables in a schema, by name and definition; triggers are in no code."""
    constraints = text(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = CAST(:schema AS regnamespace) AND conrelid <> 0"
        " AND contype NOT IN ('n', 't') AND conrelid::regclass::text NOT LIKE '%alembic_version'"
    )
    indexes = text(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = :schema AND tablename <> 'alembic_version'"
    )
    with engine().connect() as connection:
        rows = [*connection.execute(constraints, {"schema": schema}), *connection.execute(indexes, {"schema": schema})]
    return {(name, definition.replace(f"{schema}.", "")) for name, definition in rows}


def test_constraints_in_code_are_those_in_the_database(carpus_env: CarpusEnvironment) -> None:
    """`alembic check` looks at neither CHECK constraints nor the conditions of partial indexes."""
    with engine().connect() as connection, connection.begin():
        connection.execute(text("CREATE SCHEMA from_code"))
        connection.execute(text("SET LOCAL search_path = from_code"))
        Base.metadata.create_all(connection, checkfirst=False)
    try:
        assert _definitions("public") == _definitions("from_code")
        assert "ck_radiograph_state" in {name for name, _ in _definitions("public")}
    finally:
        with engine().connect() as connection, connection.begin():
            connection.execute(text("DROP SCHEMA from_code CASCADE"))


def test_somebody_elses_view_on_ours_stops_the_migration_with_a_reason(carpus_env: CarpusEnvironment) -> None:
    with engine().connect() as connection, connection.begin():
        connection.execute(text('CREATE VIEW "Their View" AS SELECT bone_age_months FROM result'))
    try:
        with pytest.raises(PermanentError, match="cannot drop view result because other objects depend on it"):
            migrate.downgrade("base")
        assert _views() == {*views.definitions(), "Their View"}
    finally:
        with engine().connect() as connection, connection.begin():
            connection.execute(text('DROP VIEW "Their View"'))
    migrate.upgrade()
