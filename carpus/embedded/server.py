"""What the two embedded servers have in common: a folder, a lock on it, a log, a password, starting and stopping."""

import fcntl
import os
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from signal import Signals
from typing import ClassVar

from carpus import child
from carpus.logs import last_words
from db.errors import CarpusError

POLL_SECONDS = 0.02
# A server whose parent was killed needs a moment to end; then its folder is free.
LOCK_TIMEOUT_SECONDS = 5.0
STOP_TIMEOUT_SECONDS = 20.0


class ServerError(CarpusError):
    """An embedded server cannot be had; the message says why and what to do."""


class Server(child.Held, ABC):
    """A server run as a foreground child in a folder of its own, on loopback only."""

    name: ClassVar[str]
    end_signal: ClassVar[Signals]

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.resolve()
        self.port = port
        self._lock: int | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Its address with the password, as Carpus's settings take it."""

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / "log"

    @property
    def is_running(self) -> bool:
        """Whether a server runs in this folder, by whomever started.

        Raises
        ------
        ServerError
            When the folder is closed to us.
        """
        try:
            if self.folder.is_dir() and not self._try_lock():
                return True
        except OSError as error:
            raise ServerError(
                f"{self.name}: cannot use {self.folder} ({error.strerror}): it is another user's; "
                "become that user, or choose another folder by CARPUS_HOME"
            ) from error
        self._unlock()
        return False

    def port_in_use(self) -> int | None:
        """Return the port of the server that runs in this folder, or None when there is none; raises as is_running."""
        if not self.is_running:
            return None
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return None

    def start(self) -> None:
        """Start the server and return when it answers, however long it recovers from a crash.

        Raises
        ------
        ServerError
            As :meth:`launch`, or when the server ends.
        """
        self.launch()
        try:
            while not self.is_ready():
                if not self.is_alive:
                    raise ServerError(f"{self.name} did not start in {self.folder}: {last_words(self.log)}")
                time.sleep(POLL_SECONDS)
        except BaseException:
            self.kill()
            raise

    def launch(self) -> None:
        """Start the server without waiting until it answers.

        Raises
        ------
        ServerError
            When the folder is in use, damaged, of another version or not writable.
        """
        self._unlock()  # held since a start whose server died
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take_lock()
        except OSError as error:
            raise ServerError(f"{self.name}: cannot write into {self.folder} ({error.strerror})") from error
        try:
            self._prepare()
            (self.folder / "port").write_text(str(self.port))
            assert self._lock is not None
            self._child = self._spawn(self._lock)
        except OSError as error:
            self.kill()
            raise ServerError(f"{self.name}: cannot start in {self.folder} ({error})") from error
        except BaseException:
            self.kill()
            raise

    def ask_to_stop(self) -> None:
        """Do nothing yet: a server outlasts those that use it."""

    def stop(self) -> None:
        """End the server in its own orderly way, and free its folder."""
        if self._child:
            child.stop(self._child, self.end_signal, STOP_TIMEOUT_SECONDS)
            self._child = None
        self._unlock()

    def kill(self) -> None:
        """End the server at once, as a crash would, and free its folder."""
        if self._child:
            child.kill(self._child)
        self._unlock()

    def is_hung(self) -> bool:
        """Whether it is to be killed: never, for one that is silent may be recovering."""
        return False

    @abstractmethod
    def _prepare(self) -> None:
        """Make the folder ready for the server."""

    @abstractmethod
    def _spawn(self, lock: int) -> child.Child:
        """Start the server, which inherits the lock."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the server answers.

        Raises
        ------
        ServerError
            When it never will.
        """

    def _take_lock(self) -> None:
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while not self._try_lock():
            if time.monotonic() > deadline and self._child is not None:  # it was not stopped, it died
                raise ServerError(
                    f"{self.name}: processes of the server that died still hold {self.folder}; they end by themselves"
                )
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.name}: {self.folder} is in use by another running Carpus; stop that one, "
                    "or choose another folder by CARPUS_HOME"
                )
            time.sleep(POLL_SECONDS)

    def _try_lock(self) -> bool:
        """Lock the folder. The server inherits the lock, so that it holds as long as any of its processes lives."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def secret(path: Path) -> str:
    """Return the password kept in a file that only its owner reads, made at the first call."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text()


def wheel_binary(package: str, parts: Sequence[str]) -> Path:
    """Return the path of a program inside an installed wheel, without importing the wheel.

    Raises
    ------
    ServerError
        When it is not installed.
    """
    spec = find_spec(package)
    binary = Path(spec.origin).parent.joinpath(*parts) if spec and spec.origin else None
    if binary is None or not binary.exists():
        raise ServerError(
            f"the program {parts[-1]} of the wheel {package} is not installed: "
            "install carpus[embedded], or set CARPUS_DATABASE_URL and CARPUS_BROKER_URL to servers of your own"
        )
    return binary
