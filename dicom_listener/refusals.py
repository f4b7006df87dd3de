"""What was refused at the doors, told so that a flood of it does not fill the log.

The first of its reason is logged at once; what follows is counted, and told once in a while until it ends.
"""

import logging
import threading
import time
from dataclasses import dataclass, field

from pynetdicom.events import Event

from db import log
from dicom_listener.settings import ListenerSettings

EVERY_SECONDS = 60.0
# Of an attack from many addresses a few say enough.
_MOST_ADDRESSES = 5

_log = log.get(__name__)


@dataclass
class _Burst:
    """Refusals for one reason since they were last told."""

    since: float
    times: int = 0
    addresses: set[str] = field(default_factory=set)


class Refusals:
    """The refusals of one listener; every thread may note one.

    Parameters
    ----------
    every_seconds
        Between two lines about the same reason.
    """

    def __init__(self, every_seconds: float = EVERY_SECONDS) -> None:
        self._every_seconds = every_seconds
        self._bursts: dict[str, _Burst] = {}
        self._lock = threading.Lock()

    def note(self, reason: str, address: str, **fields: str | int) -> None:
        """Count a refusal; log it if it is the first of its reason for a while.

        Parameters
        ----------
        reason
            Why, in words that do not change from one to the next.
        address
            The peer's.
        **fields
            What else tells an operator how to cure it; never more of the peer's own bytes than an AE title.
        """
        with self._lock:
            burst = self._bursts.get(reason)
            if burst is not None:
                burst.times += 1
                if len(burst.addresses) < _MOST_ADDRESSES:
                    burst.addresses.add(address)
                return
            self._bursts[reason] = _Burst(time.monotonic())
        _log.warning("refused", reason=reason, address=address, **fields)

    def tell(self, *, at_once: bool = False) -> None:
        """Log how often each reason came again; to be called often.

        Parameters
        ----------
        at_once
            Whether to tell what is not due yet, too.
        """
        now = time.monotonic()
        with self._lock:
            due = {
                reason: burst
                for reason, burst in self._bursts.items()
                if at_once or now - burst.since >= self._every_seconds
            }
            for reason, burst in due.items():
                if burst.times:
                    self._bursts[reason] = _Burst(now)
                else:
                    del self._bursts[reason]
        for reason, burst in due.items():
            if burst.times:
                seconds = round(now - burst.since)
                _log.warning(
                    "refused_again",
                    reason=reason,
                    times=burst.times,
                    seconds=seconds,
                    addresses=sorted(burst.addresses),
                )


class LibraryErrors(logging.Handler):
    """Takes what pynetdicom logs, with a traceback for every stranger's bytes, and notes only where that was.

    Parameters
    ----------
    refusals
        Where it is noted.
    """

    def __init__(self, refusals: Refusals) -> None:
        super().__init__(logging.ERROR)
        self._refusals = refusals

    def emit(self, record: logging.LogRecord) -> None:
        """Note a record; its words may quote what a sender put for a value."""
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        self._refusals.note(f"pynetdicom: {record.module}.{record.funcName}", "", error=error, line=record.lineno)


def note_rejection(event: Event, settings: ListenerSettings, refusals: Refusals) -> None:
    """Note that pynetdicom rejected an association for an AE title.

    Parameters
    ----------
    event
        pynetdicom's ``EVT_REJECTED``.
    settings
        Whom the listener lets in.
    refusals
        Where it is noted.
    """
    requestor = event.assoc.requestor
    reason = "it calls us by another AE title, see CARPUS_REQUIRE_CALLED_AE_TITLE"
    if settings.calling_ae_titles and requestor.ae_title not in settings.calling_ae_titles:
        reason = "its AE title is not among CARPUS_CALLING_AE_TITLES"
    titles = {"calling_ae_title": requestor.ae_title, "called_ae_title": requestor.primitive.called_ae_title}
    refusals.note(reason, requestor.address, **titles)
