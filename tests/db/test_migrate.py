"""Migrations go up, down and up again, and the views are what their files say."""

import pytest
from sqlalchemy import inspect, text

from db import migrate, views
from db.session import engine
from db.tables import Base
from tests.conftest import CarpusEnvironment


def _views() -> set[str]:
    return set(inspect(engine()).get_view_names())


def test_tables_in_code_are_the_tables_in_the_database(carpus_env: CarpusEnvironment) -> None:
    migrate.check()
    assert migrate.is_current()


def test_going_down_and_up_again_leaves_the_same_tables_and_views(carpus_env: CarpusEnvironment) -> None:
    assert _views() == set(views.definitions())
    migrate.downgrade("base")
    try:
        assert _views() == set()
        assert inspect(engine()).get_table_names() == ["alembic_version"]
        assert not migrate.is_current()
    finally:
        migrate.upgrade()
    migrate.check()
    assert _views() == set(views.definitions())
    assert set(inspect(engine()).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


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
