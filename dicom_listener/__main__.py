"""``python -m dicom_listener``: the DICOM server as a process of its own, until SIGTERM or SIGINT.

It ends with 0 when it was stopped, 1 when its port cannot be had, and 2 when a setting is wrong.
"""

import signal
import sys
import threading
import warnings

from db import log
from db import settings as db_settings
from db.errors import SettingsError
from dicom_listener.settings import ListenerSettings


def main() -> int:
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
    from dicom_listener import serve

    try:
        listener = serve.start(settings, shared)
    except OSError as error:
        address = f"{settings.listener_host}:{settings.listener_port}"
        cure = "see CARPUS_LISTENER_HOST and CARPUS_LISTENER_PORT"
        return _complain(f"cannot listen on {address}, {cure} ({error.strerror})", 1)
    events = log.get(__name__)
    events.info("listening", host=settings.listener_host, port=listener.port, ae_title=settings.ae_title)
    stopping.wait()
    events.info("stopping")
    listener.stop(settings.stop_seconds)
    return 0


def _complain(message: str, status: int) -> int:
    sys.stderr.write(f"carpus listener: {message}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
