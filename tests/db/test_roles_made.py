"""The roles are made by whoever may make them; an owner who may not says what an administrator has to do."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from carpus import ports
from carpus.embedded import Postgres
from db import log, migrate
from db.roles import Role
from tests.conftest import forget_process_state


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    started = Postgres(tmp_path_factory.mktemp("cluster") / "postgres", ports.free_port())
    started.start()
    yield started
    started.stop()


@pytest.fixture
def bare(cluster: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postgres]:
    """A hospital's database: an owner without any further right, none of our roles, no table."""
    as_admin(cluster, "ALTER ROLE carpus NOCREATEROLE")
    as_admin(cluster, "DROP DATABASE carpus WITH (FORCE)")
    for role in Role:
        as_admin(cluster, f"DROP ROLE IF EXISTS {role}")
    as_admin(cluster, "CREATE DATABASE carpus OWNER carpus")
    monkeypatch.setenv("CARPUS_DATABASE_URL", cluster.url)
    monkeypatch.setenv("CARPUS_BROKER_URL", "redis://127.0.0.1")
    monkeypatch.setenv("CARPUS_STORE", str(tmp_path))
    forget_process_state()
    yield cluster
    forget_process_state()


def as_admin(cluster: Postgres, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(cluster.admin_url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def warnings(said: str) -> list[tuple[str, str]]:
    return [(line["event"], line["role"]) for line in map(json.loads, said.splitlines()) if line["level"] == "warning"]


def can_ask(cluster: Postgres, role: Role, password: str) -> bool:
    url = f"postgresql://{role}:{password}@{ports.LOOPBACK}:{cluster.port}/carpus"
    try:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT * FROM result").fetchall() == []
    except psycopg.OperationalError:
        return False


def test_an_owner_who_may_not_make_roles_says_what_to_do_and_goes_on(
    bare: Postgres, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPUS_WRITER_PASSWORD", "pass'word")
    assert migrate.main([]) == 0
    said = capsys.readouterr().err
    assert warnings(said) == [("role_missing", role) for role in Role]
    assert "as an administrator: CREATE ROLE carpus_writer LOGIN PASSWORD '<password>'; then migrate again" in said
    migrate.check()

    for role in Role:  # as it was told
        as_admin(bare, f"CREATE ROLE {role} LOGIN PASSWORD 'made'")
    assert migrate.main([]) == 0
    assert warnings(capsys.readouterr().err) == [("role_password_not_set", Role.WRITER)]
    assert all(can_ask(bare, role, "made") for role in Role)


def test_an_owner_who_may_makes_them_with_the_passwords_given_and_no_other_lets_in(
    bare: Postgres, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_admin(bare, "ALTER ROLE carpus CREATEROLE")
    monkeypatch.setenv("CARPUS_WRITER_PASSWORD", "pass'wörd%s:1")
    monkeypatch.setenv("CARPUS_READS_PASSWORD", "reads")
    assert migrate.main([]) == 0
    assert warnings(capsys.readouterr().err) == []
    logins = dict(as_admin(bare, "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'carpus\\_%'"))
    assert logins == {Role.WRITER: True, Role.READER: False, Role.READS: True}
    assert can_ask(bare, Role.WRITER, "pass'w%C3%B6rd%25s:1")
    assert not can_ask(bare, Role.WRITER, "wrong")

    monkeypatch.setenv("CARPUS_WRITER_PASSWORD", "changed")
    monkeypatch.delenv("CARPUS_READS_PASSWORD")  # what is not given stays as it is
    assert migrate.main([]) == 0
    assert can_ask(bare, Role.WRITER, "changed")
    assert can_ask(bare, Role.READS, "reads")


def test_neither_a_password_nor_its_verifier_is_logged(
    bare: Postgres, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_admin(bare, "ALTER ROLE carpus CREATEROLE")
    as_admin(bare, "ALTER SYSTEM SET log_statement = 'all'")
    as_admin(bare, "SELECT pg_reload_conf()")
    monkeypatch.setenv("CARPUS_READER_PASSWORD", "plain-words")
    try:
        assert migrate.main([]) == 0
        logged = bare.log.read_text()
    finally:
        as_admin(bare, "ALTER SYSTEM RESET log_statement")
        as_admin(bare, "SELECT pg_reload_conf()")
    assert "ALTER ROLE carpus_reader LOGIN PASSWORD 'SCRAM-SHA-256$" in logged
    assert "plain-words" not in logged + capsys.readouterr().err


@pytest.mark.parametrize(
    "mistake",
    ["ALTER ROLE carpus_reader CREATEDB", "ALTER ROLE carpus_reader SUPERUSER", "GRANT carpus TO carpus_reader"],
)
def test_a_role_that_may_do_more_than_it_should_is_told_of(
    bare: Postgres, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    for role in Role:
        as_admin(bare, f"CREATE ROLE {role} LOGIN PASSWORD 'made'")
    as_admin(bare, mistake)
    log.configure("test")
    assert migrate.main([]) == 0
    assert warnings(capsys.readouterr().err) == [("role_too_mighty", Role.READER)]


def test_a_folder_of_an_earlier_version_gets_its_roles_at_the_next_start(bare: Postgres) -> None:
    for role in Role:
        (bare.folder / f"{role.name.lower()}_password").unlink()
    assert not bare.has_password_of(Role.WRITER)
    bare.stop()
    bare.start()
    migrate.upgrade()
    for role in Role:
        assert (bare.folder / f"{role.name.lower()}_password").stat().st_mode & 0o777 == 0o600
        with psycopg.connect(bare.libpq_url_of(role)) as connection:
            assert connection.execute("SELECT * FROM result").fetchall() == []
