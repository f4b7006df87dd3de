"""Several processes that receive on one port, for Python runs in one thread of a process at a time.

They are forked from one that serves nobody: it binds the port, loads what all of them need once, starts again those
that die, and takes them with it when it ends. They accept from one queue of connections, so that one that dies takes
none with it but its own; what they serve together is in :mod:`places`. Each registers what it has received; the first
also sweeps.
"""

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pynetdicom.transport import AddressInformation

from db import log
from db.process import die_with_parent
from dicom_listener.connections import Connections
from dicom_listener.places import Places, Share
from dicom_listener.settings import ListenerSettings

_POLL_SECONDS = 0.05
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_MOST_DOUBLINGS = 6  # beyond the longest pause
_STEADY_SECONDS = 60.0  # one that ran so long begins anew with the shortest pause
_STOP_SLACK_SECONDS = 2.0  # beyond the time a process gives itself

_log = log.get(__name__)

Serve = Callable[[Share, Callable[[], None]], int]


@dataclass
class _Process:
    """One of them; `due_at` is when it is started again after a death."""

    number: int
    pid: int | None = None
    started_at: float = 0.0
    deaths: int = 0
    due_at: float = 0.0
    status: int = 0


class Processes:
    """The processes of a listener.

    Parameters
    ----------
    settings
        Of the whole listener.
    serve
        What each of them does until it is told to stop, given its share and what it calls once it serves; returns its
        exit status.

    Raises
    ------
    OSError
        When the address cannot be bound.
    """

    def __init__(self, settings: ListenerSettings, serve: Serve) -> None:
        self._settings = settings
        self._serve = serve
        self._socket = _listening_socket(settings)
        self._places = Places(settings.listener_processes, settings.max_associations)
        self._processes = [_Process(number) for number in range(settings.listener_processes)]

    @property
    def port(self) -> int:
        """The TCP port they listen on."""
        return int(self._socket.getsockname()[1])

    def start(self) -> int:
        """Start all; return 0 when they serve, or the status of one that ended instead."""
        gc.collect()
        gc.freeze()  # so that the collector does not write to memory that they share
        for process in self._processes:
            ready, serving = os.pipe()
            self._fork(process, serving)
            os.close(serving)
            with os.fdopen(ready, "rb") as answer:
                if not answer.read(1):
                    status = self._wait_for(process)
                    self.stop()
                    return status or 1
        return 0

    def look_after(self, stopping: threading.Event) -> None:
        """Start again those that die, until told to stop."""
        while not stopping.wait(_POLL_SECONDS):
            now = time.monotonic()
            for process in self._processes:
                if process.pid is None and now >= process.due_at:
                    self._fork(process)
                elif self._has_ended(process):
                    self._note_death(process, now)

    def stop(self) -> int:
        """Stop all in their orderly way, and kill what takes too long; return 0 where none had to be."""
        self._socket.close()
        stopped = self._alive()
        for process in stopped:
            os.kill(process.pid or 0, signal.SIGTERM)
        deadline = time.monotonic() + self._settings.stop_seconds + _STOP_SLACK_SECONDS
        while self._alive() and time.monotonic() < deadline:
            for process in self._alive():
                self._has_ended(process)
            time.sleep(_POLL_SECONDS)
        for process in self._alive():
            os.kill(process.pid or 0, signal.SIGKILL)
            self._wait_for(process)
        return max((abs(process.status) for process in stopped), default=0)

    def _alive(self) -> list[_Process]:
        return [process for process in self._processes if process.pid is not None]

    def _fork(self, process: _Process, serving: int | None = None) -> None:
        parent_pid = os.getpid()
        process.started_at = time.monotonic()
        process.pid = os.fork()
        if process.pid == 0:
            status = 1
            try:
                die_with_parent(parent_pid=parent_pid)
                status = self._run(process.number, serving)
            except BaseException:  # noqa: BLE001  the border of the process
                _log.exception("process_failed", number=process.number)
            finally:
                os._exit(status)

    def _run(self, number: int, serving: int | None) -> int:
        return self._serve(Share(number, self._socket, self._places), lambda: _tell(serving))

    def _has_ended(self, process: _Process) -> bool:
        if process.pid is None:
            return False
        pid, status = os.waitpid(process.pid, os.WNOHANG)
        if pid:
            self._end(process, status)
        return bool(pid)

    def _wait_for(self, process: _Process) -> int:
        if process.pid is not None:
            self._end(process, os.waitpid(process.pid, 0)[1])
        return process.status

    def _end(self, process: _Process, status: int) -> None:
        process.pid, process.status = None, os.waitstatus_to_exitcode(status)
        self._places.leave(process.number)

    def _note_death(self, process: _Process, now: float) -> None:
        process.deaths = 1 if now - process.started_at > _STEADY_SECONDS else process.deaths + 1
        pause_seconds = min(
            _FIRST_PAUSE_SECONDS * 2 ** min(process.deaths - 1, _MOST_DOUBLINGS), _LONGEST_PAUSE_SECONDS
        )
        process.due_at = now + pause_seconds
        _log.error("process_died", number=process.number, status=process.status, again_in_seconds=pause_seconds)


def _listening_socket(settings: ListenerSettings) -> socket.socket:
    """Return a socket as pynetdicom makes it for one process: an IPv6 one also for IPv4, where the system has it so."""
    address = settings.listener_host, settings.listener_port
    made = socket.socket(AddressInformation.from_tuple(address).address_family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(Connections.request_queue_size)
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def _tell(serving: int | None) -> None:
    if serving is not None:
        os.write(serving, b"!")
        os.close(serving)
