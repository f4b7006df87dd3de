"""The DICOM server as one process or several: how it begins, what it says then, and how it ends.

It ends with 0 when it was stopped, 1 when its port cannot be had, and 2 when a setting is wrong.
"""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable

from db import log
from db import settings as db_settings
from db.errors import SettingsError
from dicom_listener.settings import ListenerSettings

events = log.get(__name__)


def serve() -> int:
    """Serve until told to stop.

    Returns
    -------
    int
        The process's exit status.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    log.configure("listener")
    # pydicom warns of odd values by quoting them, and they may be a patient's.
    warnings.filterwarnings("ignore", module="pydicom")
    try:
        settings = db_settings.load(ListenerSettings)
        return _serve(settings, db_settings.shared(), stopping)
    except SettingsError as error:
        return _complain(str(error), 2)


def _serve(settings: ListenerSettings, shared: db_settings.SharedSettings, stopping: threading.Event) -> int:
    # Only now: worker.app, which it imports, ends the process by itself when a setting is missing.
    from dicom_listener.places import Share
    from dicom_listener.processes import Processes
    from dicom_listener.serve import start

    def run(share: Share | None, is_serving: Callable[[], None]) -> int:
        try:
            listener = start(settings, shared, share)
        except SettingsError as error:
            return _complain(str(error), 2)
        except OSError as error:
            return _complain(_cannot_listen(settings, error), 1)
        if share is None:
            _tell_listening(settings, listener.port)
        is_serving()
        stopping.wait()
        events.info("stopping")
        listener.stop(settings.stop_seconds)
        return 0

    if settings.listener_processes == 1:
        return run(None, lambda: None)
    try:
        processes = Processes(settings, run)
    except OSError as error:
        return _complain(_cannot_listen(settings, error), 1)
    if status := processes.start():
        return status
    _tell_listening(settings, processes.port)
    processes.look_after(stopping)
    return processes.stop()


def _tell_listening(settings: ListenerSettings, port: int) -> None:
    processes = settings.listener_processes
    events.info("listening", host=settings.listener_host, port=port, ae_title=settings.ae_title, processes=processes)


def _cannot_listen(settings: ListenerSettings, error: OSError) -> str:
    address = f"{settings.listener_host}:{settings.listener_port}"
    reason = os.strerror(error.errno) if error.errno else error.strerror
    cure = "see CARPUS_LISTENER_HOST and CARPUS_LISTENER_PORT"
    return f"cannot listen on {address}, {cure} ({reason})"


def _complain(message: str, status: int) -> int:
    sys.stderr.write(f"carpus listener: {message}\n")
    return status
