"""Who may do what in the database: the owner migrates and forgets, three roles with less do everything else.

Roles belong to the whole cluster, so that several databases share them; what they may do is granted in each. They are
groups that can also log in once a password is set: by ``CARPUS_WRITER_PASSWORD`` and its like at the migration, by the
embedded server, or by an administrator, who may as well make logins of their own as members of them.

Everything granted stands in :data:`TABLES`, and each migration to the newest revision grants exactly that, so that a
new table is closed until it has its line there. Nothing is taken from PUBLIC, for the cluster may be shared.
"""

from collections.abc import Mapping
from enum import StrEnum

import psycopg
from pydantic import SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from db import log, views
from db.settings import RoleSettings


class Role(StrEnum):
    """A role of the cluster beside the owner, who is whoever migrates."""

    WRITER = "carpus_writer"
    READER = "carpus_reader"
    READS = "carpus_reads"


# Rows are removed by the owner alone. The foreign keys are checked in the owner's name, so that whoever inserts needs
# no right to see what they point to.
TABLES: Mapping[str, Mapping[Role, str]] = {
    "alembic_version": {Role.WRITER: "SELECT"},
    "assessment": {Role.WRITER: "SELECT, INSERT, UPDATE (superseded_at, is_shadow)"},
    "audit_run": {Role.WRITER: "SELECT, INSERT"},
    "delivery": {Role.WRITER: "SELECT, INSERT, UPDATE"},
    "model_decision": {Role.WRITER: "SELECT, INSERT"},
    "model_version": {Role.WRITER: "SELECT, INSERT, UPDATE (status, recipe, parent_id)"},
    "radiograph": {Role.WRITER: "SELECT, INSERT, UPDATE"},
    # Not by who enters reads: what is sampled must not be chosen by who is asked.
    "reading_list": {Role.WRITER: "SELECT, INSERT"},
    "reading_list_item": {Role.WRITER: "SELECT, INSERT"},
    "reference_read": {
        Role.WRITER: "SELECT",
        Role.READS: ("INSERT (radiograph_id, reader, method, bone_age_months, read_at, reading_list_id, is_blinded)"),
    },
    "site_calibration": {Role.WRITER: "SELECT, INSERT, UPDATE (retired_at)"},
    "storage_commitment": {Role.WRITER: "SELECT, INSERT, UPDATE"},
}
"""What each role may do with each table; all of them may read the views."""

_IS_TOO_MIGHTY = text(
    "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
    " OR pg_has_role(rolname, current_user, 'MEMBER') OR has_schema_privilege(rolname, current_schema(), 'CREATE')"
    " FROM pg_roles WHERE rolname = :role"
)

_log = log.get(__name__)


def apply(connection: Connection, chosen: RoleSettings) -> None:
    """Make the roles where they are missing, set the passwords that are given, and grant what each may do.

    What this connection may not do is logged with what an administrator has to do, and the rest goes on: services that
    connect as the owner work without any role.

    Parameters
    ----------
    connection
        A connection of the owner in a transaction, its tables and views at the newest revision.
    chosen
        The passwords.
    """
    passwords = {
        Role.WRITER: chosen.writer_password,
        Role.READER: chosen.reader_password,
        Role.READS: chosen.reads_password,
    }
    for role, password in passwords.items():
        if not _is_made(connection, role):
            _tell("role_missing", role, f"CREATE ROLE {role} LOGIN PASSWORD '<password>'; then migrate again")
            continue
        if password and not _let_in(connection, role, password):
            _tell("role_password_not_set", role, f"ALTER ROLE {role} LOGIN PASSWORD '<password>'; then unset it here")
        _grant(connection, role)
        if connection.scalar(_IS_TOO_MIGHTY, {"role": role}):
            _tell("role_too_mighty", role, "take from it what makes it superuser, owner, or able to create")


def _tell(event: str, role: Role, cure: str) -> None:
    _log.warning(event, role=role, cure=f"as an administrator: {cure}")


def _is_made(connection: Connection, role: Role) -> bool:
    found = text("SELECT 1 FROM pg_roles WHERE rolname = :role")
    if connection.scalar(found, {"role": role}) is None:
        _tried(connection, f"CREATE ROLE {role} NOLOGIN")
    # Another database's migration may have been faster.
    return connection.scalar(found, {"role": role}) is not None


def _let_in(connection: Connection, role: Role, password: SecretStr) -> bool:
    """Set a role's password; the server, and whatever it logs, sees only what it stores of it."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    secret = password.get_secret_value().encode()
    verifier = driver.pgconn.encrypt_password(secret, role.encode(), b"scram-sha-256").decode()
    return _tried(connection, f"ALTER ROLE {role} LOGIN PASSWORD '{verifier}'")


def _grant(connection: Connection, role: Role) -> None:
    """Grant what a role may do, and take from it whatever else it may do with our tables and views."""
    everything = ", ".join([*TABLES, *views.definitions()])
    connection.execute(text(f"REVOKE ALL ON {everything} FROM {role}"))
    connection.execute(text(f"GRANT SELECT ON {', '.join(views.definitions())} TO {role}"))
    for table, rights in TABLES.items():
        if role in rights:
            connection.execute(text(f"GRANT {rights[role]} ON {table} TO {role}"))
    schema = connection.scalar(text("SELECT quote_ident(current_schema())"))
    if not connection.scalar(text(f"SELECT has_schema_privilege('{role}', current_schema(), 'USAGE')")):
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {role}"))


def _tried(connection: Connection, statement: str) -> bool:
    """Run a statement that may be refused for want of rights or because another was faster; say whether it was not."""
    refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement)
    except DBAPIError as error:
        if isinstance(error.orig, refusals):
            return False
        raise
    return True
