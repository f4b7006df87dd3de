"""The processes of Carpus and their exact commands: what the stack starts here, docker-compose starts elsewhere."""

import sys
from collections.abc import Mapping
from pathlib import Path
from signal import SIGTERM

from carpus import child
from carpus.watch import Watch, health_command
from db import settings
from dicom_listener.settings import ListenerSettings
from worker.settings import WorkerSettings

_WORKER = ("celery", "-A", "worker.app", "worker", "--without-gossip", "--without-mingle", "--loglevel", "INFO")
_TRAINER = ("celery", "-A", "training.tasks", *_WORKER[3:], "--queues", "refresh", "--pool", "threads")

MIGRATE = "migrate"
LISTENER = "listener"
COMMANDS: Mapping[str, tuple[str, ...]] = {
    MIGRATE: ("python", "-m", "db.migrate"),
    LISTENER: ("python", "-m", "dicom_listener"),
    "read": (*_WORKER, "--queues", "read", "--pool", "prefork", "--concurrency", "2", "--hostname", "read@%h"),
    "assess": (*_WORKER, "--queues", "assess", "--pool", "threads", "--concurrency", "2", "--hostname", "assess@%h"),
    "deliver": (*_WORKER, "--queues", "deliver", "--pool", "threads", "--concurrency", "4", "--hostname", "deliver@%h"),
    "flower": ("celery", "-A", "worker.app", "flower", "--conf=worker/flowerconfig.py"),
    "refresh": (*_TRAINER, "--concurrency", "1", "--hostname", "refresh@%h"),
    "beat": ("celery", "-A", "training.tasks", "beat", "--scheduler", "training.beat:WatchedScheduler", "--pidfile="),
}
"""Name and command line, relative to the folder that holds the packages; a migration is run once, before the others."""

WATCHED = ("read", "assess", "deliver")  # whose health can be asked
SERVICES = tuple(name for name in COMMANDS if name != MIGRATE)
_SCHEDULE = f"{settings.PREFIX}REFRESH_SCHEDULE"
# What there is nothing to do for without a setting.
_ONLY_WITH = {"deliver": f"{settings.PREFIX}DESTINATIONS", "refresh": _SCHEDULE, "beat": _SCHEDULE}
# Beyond the time a process gives itself, after which a worker gives back what it has in hand and the listener leaves it
# to the sweep; what is killed here is tried again after its claim lapses.
STOP_SLACK_SECONDS = 5.0
_PROGRAMS = {"python": (sys.executable,), "celery": (sys.executable, "-m", "celery")}
_PACKAGES = Path(__file__).resolve().parents[1]


class Process(child.Held):
    """One of the processes, run as a child of this one."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._environment = environment
        self._stop_seconds = stop_seconds(name)
        self._watch = Watch(health_command(name), environment, log, _PACKAGES) if name in WATCHED else None

    @property
    def status(self) -> int | None:
        """The child's exit status, negative for a signal; None while it runs."""
        return self._child.poll() if self._child else None

    def launch(self) -> None:
        """Start the child in the packages' folder, its output going to the end of the log.

        In the folder we are in, ``python -m`` would take what happens to be called ``db`` or ``worker`` for ours.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = child.spawn(command_line(self.name), log, self._environment, folder=_PACKAGES)
        if self._watch:
            self._watch.begin()

    start = launch  # nobody waits for what has its own way of waiting

    def is_ready(self) -> bool:
        """Whether it answers: a process is not waited for."""
        return True

    def is_hung(self) -> bool:
        """Whether it runs and does not answer any more; it is asked by the way."""
        return self._watch is not None and self._watch.finds_hung()

    def ask_to_stop(self) -> None:
        """Ask the child to end, without waiting."""
        if self._child and self.is_alive:
            self._child.send_signal(SIGTERM)

    def stop(self) -> None:
        """End the child in its own orderly way, or by force when it takes too long."""
        self._look_away()
        if self._child:
            child.stop(self._child, SIGTERM, self._stop_seconds)

    def kill(self) -> None:
        """End the child at once."""
        self._look_away()
        if self._child:
            child.kill(self._child)

    def _look_away(self) -> None:
        if self._watch:
            self._watch.end()


def wanted(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the services that an environment has work for."""
    return tuple(name for name in SERVICES if name not in _ONLY_WITH or environment.get(_ONLY_WITH[name]))


def stop_seconds(name: str) -> float:
    """Return how long a process that was asked to end may take, which its settings say.

    Raises
    ------
    db.errors.SettingsError
        When they are malformed.
    """
    if name == LISTENER:
        return settings.load(ListenerSettings).stop_seconds + STOP_SLACK_SECONDS
    return settings.load(WorkerSettings).worker_stop_seconds + STOP_SLACK_SECONDS


def command_line(name: str) -> list[str]:
    """Return a process's command for this interpreter, from whatever folder it is started."""
    program, *arguments = COMMANDS[name]
    conf = "--conf="
    return [
        *_PROGRAMS[program],
        *(f"{conf}{_PACKAGES / word.removeprefix(conf)}" if word.startswith(conf) else word for word in arguments),
    ]
