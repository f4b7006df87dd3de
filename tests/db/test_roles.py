"""Each role does its own work and not the others', whatever it tries."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import text

from db import migrate, roles
from db.roles import Role
from db.session import transaction
from db.tables import Base
from tests.conftest import CarpusEnvironment
from tests.rows import add_assessment, add_model_version, add_radiograph

Ask = Callable[[Role, str], list[tuple[object, ...]]]
COLUMNS = "sop_instance_uid, revision, sha256, size_bytes, transfer_syntax_uid, object_path, due_at"
ONE_RADIOGRAPH = f"INSERT INTO radiograph ({COLUMNS}) VALUES ('1.2.9', 1, '{'1' * 64}', 1, '1.2', 'o', now())"
ONE_READ = (
    "INSERT INTO reference_read (radiograph_id, reader, method, bone_age_months)"
    " SELECT radiograph_id, 'B', 'GP', 90 FROM result"
)
SAMPLED = (
    "INSERT INTO reference_read (radiograph_id, reader, method, bone_age_months, reading_list_id, is_blinded)"
    " SELECT radiograph_id, 'B', 'GP', 90, 1, true FROM result"
)


@pytest.fixture
def ask(carpus_env: CarpusEnvironment) -> Ask:
    """Ask as a role, over a connection of its own, of a database with an assessed radiograph that A has read."""
    with transaction() as session:
        ended = {"state": "COMPLETED", "due_at": None, "ended_at": text("now()")}
        radiograph_id = add_radiograph(session, **ended)
        add_assessment(session, radiograph_id, add_model_version(session), bone_age_months=100.0)
        session.execute(text(ONE_READ.replace("'B'", "'A'")))

    def asked(role: Role, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(carpus_env.servers.postgres.libpq_url_of(role)) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    return asked


@pytest.mark.parametrize(
    "statement",
    [
        ONE_RADIOGRAPH,
        "UPDATE radiograph SET state = 'FAILED', committed_at = now()",
        "SELECT * FROM radiograph FOR UPDATE",
        f"INSERT INTO model_version (name, version, sha256, card) VALUES ('a', '1', '{'2' * 64}', '{{}}')",
        "UPDATE assessment SET superseded_at = now()",
        "INSERT INTO storage_commitment (transaction_uid, calling_ae_title, referenced) VALUES ('1.2', 'A', '[]')",
        "UPDATE storage_commitment SET attempts = 1",
        "INSERT INTO reading_list (seed) VALUES (7)",
        "SELECT count(*) FROM reference_read",
        "SELECT * FROM result, worklist, alembic_version",
        "SELECT pg_try_advisory_xact_lock(1, 2)",
    ],
)
def test_the_writer_does_what_the_services_do(ask: Ask, statement: str) -> None:
    ask(Role.WRITER, statement)


@pytest.mark.parametrize(
    "statement",
    [
        *(f"DELETE FROM {table}" for table in roles.TABLES),
        *(f"TRUNCATE {table} CASCADE" for table in roles.TABLES),
        "UPDATE assessment SET bone_age_months = 1",
        "UPDATE model_version SET card = '{}'",
        ONE_READ,
        "UPDATE reference_read SET bone_age_months = 1",
        "UPDATE reading_list SET seed = 1",
        "UPDATE reading_list_item SET position = 2",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_the_writer_rewrites_no_result_and_removes_nothing(ask: Ask, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege, match="permission denied for table"):
        ask(Role.WRITER, statement)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine ()",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "ALTER TABLE radiograph ADD mine int",
        "ALTER TABLE reference_read DISABLE TRIGGER ALL",
        "DROP TABLE storage_commitment",
        "DROP VIEW worklist",
        "CREATE OR REPLACE VIEW result AS SELECT 1",
        "CREATE INDEX mine ON radiograph (id)",
        "ALTER ROLE carpus PASSWORD 'mine'",
        "SET ROLE carpus",
        "SET ROLE postgres",
        "SET session_replication_role = replica",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT * FROM pg_authid",
    ],
)
def test_nobody_but_the_owner_changes_what_there_is(ask: Ask, role: Role, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        ask(role, statement)


@pytest.mark.parametrize("role", [Role.READER, Role.READS])
def test_who_asks_sees_the_views_and_no_table(ask: Ask, role: Role) -> None:
    assert ask(role, "SELECT bone_age_months, reference_bone_age_months FROM result") == [(100.0, 90.0)]
    assert ask(role, "SELECT * FROM worklist") == []
    for table in roles.TABLES:
        with pytest.raises(InsufficientPrivilege, match=f"permission denied for table {table}"):
            ask(role, f"SELECT 1 FROM {table}")


@pytest.mark.parametrize(
    "statement", [ONE_RADIOGRAPH, ONE_READ, "DELETE FROM reference_read", "SELECT * FROM result FOR UPDATE"]
)
def test_the_reader_writes_nothing(ask: Ask, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        ask(Role.READER, statement)


def test_a_reference_read_is_entered_and_shown(ask: Ask) -> None:
    ask(Role.READS, ONE_READ)
    assert ask(Role.READS, "SELECT reference_bone_age_months FROM result") == [(90.0,)]
    ask(Role.READS, ONE_READ.replace("90", "96"))  # the same reader's later read stands
    assert ask(Role.READS, "SELECT reference_bone_age_months FROM result") == [(93.0,)]
    shown = "SELECT bone_age_months, is_current FROM reads WHERE reader = 'B' ORDER BY read_id"
    assert ask(Role.READS, shown) == [(90.0, False), (96.0, True)]


def test_who_enters_reads_says_what_asked_for_them_and_whether_they_are_blinded(ask: Ask) -> None:
    ask(Role.WRITER, "INSERT INTO reading_list (seed) VALUES (7)")
    ask(Role.WRITER, "INSERT INTO reading_list_item VALUES (1, 1, 1)")
    ask(Role.READS, SAMPLED)
    assert ask(Role.READS, "SELECT is_sampled, is_blinded FROM reads WHERE reader = 'B'") == [(True, True)]
    assert ask(Role.READER, "SELECT position, reads FROM reading_lists") == [(1, 1)]


@pytest.mark.parametrize(
    "statement",
    [
        ONE_RADIOGRAPH,
        "UPDATE reference_read SET bone_age_months = 1",
        "DELETE FROM reference_read",
        f"{ONE_READ} ON CONFLICT (radiograph_id, reader) WHERE superseded_at IS NULL DO UPDATE SET bone_age_months = 1",
        ONE_READ.replace("radiograph_id,", "superseded_at, radiograph_id,", 1).replace("SELECT", "SELECT now(),"),
        "INSERT INTO reading_list (seed) VALUES (7)",
        "INSERT INTO reading_list_item VALUES (1, 1, 1)",
        ONE_READ.replace("radiograph_id,", "id, radiograph_id,", 1).replace("SELECT", "SELECT 1,"),
        f"{ONE_READ} RETURNING reader",
    ],
)
def test_who_enters_reads_changes_none(ask: Ask, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        ask(Role.READS, statement)


@pytest.mark.parametrize("role", Role)
def test_nobody_supersedes_a_read_but_by_entering_one(ask: Ask, role: Role) -> None:
    """PostgreSQL lets everybody make temporary tables, which the trigger's function would take for the real one."""
    with pytest.raises(InsufficientPrivilege, match="permission denied for function"):
        ask(
            role,
            "CREATE TEMPORARY TABLE mine AS SELECT 1 AS radiograph_id, 'A' AS reader, now() AS read_at;"
            " CREATE TRIGGER mine BEFORE INSERT ON mine FOR EACH ROW"
            " EXECUTE FUNCTION public.reference_read_takes_its_place()",
        )


def test_no_role_is_more_than_a_login(carpus_env: CarpusEnvironment) -> None:
    rights = "rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
    with transaction() as session:
        found = session.execute(text(f"SELECT rolname, {rights} FROM pg_roles WHERE rolname LIKE 'carpus%'"))
        assert {tuple(row) for row in found} == {(name, False) for name in ("carpus", *Role)}
        assert session.scalar(text("SELECT count(*) FROM pg_auth_members WHERE member >= 16384")) == 0


def test_every_table_has_its_line(carpus_env: CarpusEnvironment) -> None:
    assert set(roles.TABLES) == {*Base.metadata.tables, "alembic_version"}


def test_a_right_that_is_not_listed_is_taken_back_by_the_next_migration(ask: Ask) -> None:
    with transaction() as session:
        session.execute(text("GRANT DELETE ON radiograph TO carpus_writer"))
        session.execute(text("GRANT SELECT (patient_id) ON radiograph TO carpus_reader"))
    assert ask(Role.READER, "SELECT patient_id FROM radiograph") == [(None,)]
    migrate.upgrade()
    with pytest.raises(InsufficientPrivilege):
        ask(Role.READER, "SELECT patient_id FROM radiograph")
    with pytest.raises(InsufficientPrivilege):
        ask(Role.WRITER, "DELETE FROM radiograph")


def test_rights_are_those_of_the_list_after_going_down_and_up_again(ask: Ask) -> None:
    migrate.downgrade("base")
    try:
        with pytest.raises(psycopg.errors.UndefinedTable):
            ask(Role.READER, "SELECT * FROM result")
    finally:
        migrate.upgrade()
    assert ask(Role.READER, "SELECT * FROM result") == []
    ask(Role.WRITER, ONE_RADIOGRAPH)
