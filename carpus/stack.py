"""The one-machine stack: two embedded servers and the processes of Carpus, started in order, looked after, stopped.

Whatever happens to this process, nothing that it started lives on (``carpus.child``).
"""

import os
import signal
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from carpus import ports
from carpus.embedded import Postgres, Redis
from carpus.embedded.server import secret
from carpus.logs import last_words
from carpus.processes import LISTENER, MIGRATE, Process, wanted
from carpus.settings import absolute, texts
from carpus.supervise import StackError, Supervisor
from db.roles import Role

POLL_SECONDS = 0.05
READY_TIMEOUT_SECONDS = 60.0
FLOWER_USER = "carpus"


@dataclass(frozen=True)
class Ports:
    """The ports of a stack, all on loopback but the listener's, which is on its host."""

    postgres: int
    redis: int
    listener: int
    flower: int
    listener_host: str = ports.LOOPBACK

    @classmethod
    def free(cls) -> Self:
        """Choose ports that nobody uses."""
        return cls(ports.free_port(), ports.free_port(), ports.free_port(), ports.free_port())


class Stack:
    """The servers and processes of one folder; as a context, started and then stopped whatever happens.

    Servers and store are always the folder's own: the sweep of a stack that shared only the store with others would
    take their objects.

    Parameters
    ----------
    home
        The folder.
    chosen
        Where they listen.
    say
        Takes a line for the operator.
    most_deaths
        As in :class:`carpus.supervise.Supervisor`.
    without
        Variables of the environment that are not for this stack.
    """

    def __init__(
        self,
        home: Path,
        chosen: Ports,
        say: Callable[[str], None],
        most_deaths: int | None = None,
        without: Collection[str] = (),
    ) -> None:
        self.home = home.resolve()
        self.ports = chosen
        self.postgres = Postgres(self.home / "postgres", chosen.postgres)
        self.redis = Redis(self.home / "redis", chosen.redis)
        self.logs = self.home / "log"
        self.store = self.home / "store"
        self.processes: dict[str, Process] = {}
        self._say = say
        self._without = without
        self._supervisor = Supervisor(say, most_deaths)

    @property
    def flower_login(self) -> str:
        """Flower's login, as ``user:password``: the setting's, else one made for this folder."""
        return texts().get("CARPUS_FLOWER_LOGIN") or f"{FLOWER_USER}:{secret(self._flower_password)}"

    @property
    def flower_login_place(self) -> str:
        """Where an operator finds that login, in words."""
        if texts().get("CARPUS_FLOWER_LOGIN"):
            return "login as CARPUS_FLOWER_LOGIN says"
        return f"login {FLOWER_USER}, password in {self._flower_password}"

    @property
    def _flower_password(self) -> Path:
        return self.home / "flower_password"

    def environment(self) -> dict[str, str]:
        """Return the environment that joins the services to this stack's servers, folder and ports.

        What stands in files of CARPUS_SECRETS is handed down with it.
        """
        # They would override the URLs' own, and those of the roles that the embedded server makes.
        passwords = {f"CARPUS_{name}_PASSWORD" for name in ("DATABASE", "BROKER", "WRITER", "READER", "READS")}
        foreign = {*passwords, "CARPUS_BROKER_MASTER", *self._without}
        chosen = absolute(os.environ | texts())
        return {name: value for name, value in chosen.items() if name not in foreign} | {
            "CARPUS_HOME": str(self.home),
            "CARPUS_DATABASE_URL": self.postgres.url_of(Role.WRITER),
            "CARPUS_BROKER_URL": self.redis.url,
            "CARPUS_SECRETS": str(self.home / "no-secrets"),  # and so would passwords found there
            "CARPUS_STORE": str(self.store),
            "CARPUS_LISTENER_HOST": self.ports.listener_host,
            "CARPUS_LISTENER_PORT": str(self.ports.listener),
            "CARPUS_FLOWER_LOGIN": self.flower_login,
            "FLOWER_ADDRESS": ports.LOOPBACK,
            "FLOWER_PORT": str(self.ports.flower),
        }

    def __enter__(self) -> Self:
        """Start everything; when that fails, nothing stays."""
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop everything in order; a second Ctrl-C kills it at once."""
        self._end()

    def look_after(self) -> None:
        """Start again what has died; to be called often.

        Raises
        ------
        StackError
            When one part died too often.
        """
        self._supervisor.look_after()

    def _start(self) -> None:
        """Start the servers, bring the database to this version, start the processes, wait for the listener."""
        self._make_folders()
        self._supervisor.start(self.postgres)
        self._supervisor.start(self.redis)
        environment = self.environment()
        self._migrate(environment)
        self.processes = {name: Process(name, environment, self.logs / f"{name}.log") for name in wanted(environment)}
        for process in self.processes.values():
            self._supervisor.start(process)
        self._wait_for(self.processes[LISTENER], self.ports.listener, self.ports.listener_host)

    def _end(self) -> None:
        try:
            self._supervisor.stop()
        except KeyboardInterrupt:
            self._supervisor.kill()

    def _make_folders(self) -> None:
        try:
            for folder in (self.logs, self.store):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(f"cannot make the folder {error.filename} ({error.strerror}); see CARPUS_HOME") from error

    def _migrate(self, environment: Mapping[str, str]) -> None:
        as_owner = {**environment, "CARPUS_DATABASE_URL": self.postgres.url}
        migration = Process(MIGRATE, as_owner, self.logs / f"{MIGRATE}.log")
        try:
            migration.start()
            while migration.is_alive:
                time.sleep(POLL_SECONDS)
        finally:
            migration.kill()
        if migration.status != 0:
            raise StackError(
                f"the migration of the database failed: {last_words(migration.log)} (log: {migration.log})"
            )

    def _wait_for(self, process: Process, port: int, host: str) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while ports.is_free(port, host):
            if not process.is_alive or time.monotonic() > deadline:
                raise StackError(f"the {process.name} did not start: {last_words(process.log)} (log: {process.log})")
            time.sleep(POLL_SECONDS)


def stop_on_signals() -> None:
    """Let an orderly stop follow on SIGTERM and on a closed terminal as it does on Ctrl-C: by KeyboardInterrupt.

    A signal that we were started to ignore, as ``nohup`` does with a closed terminal's, stays ignored.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
