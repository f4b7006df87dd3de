"""Reports on the associations that the requests came by, as long as those last; what is over is left to :mod:`call`."""

import threading
import time
from collections.abc import Callable, Container

from pynetdicom.association import Association
from pynetdicom.events import Event

from db import fault, log
from db.errors import TransientError
from db.session import transaction
from db.tables import StorageCommitment
from dicom_listener.commitment import ledger, report
from dicom_listener.commitment.delivery import note_answer
from dicom_listener.commitment.open_association import OpenAssociation
from dicom_listener.commitment.references import Outcome

_RENEW_SECONDS = ledger.LEASE_SECONDS / 3

_log = log.get(__name__)


class Conversations:
    """The associations by which somebody waits for reports.

    Parameters
    ----------
    decide
        Says what came of a request, or None as long as that is open.
    can_be_called
        The AE titles whose addresses are known.
    on_change
        Called when there is something to do here.
    on_left
        Called when requests were left to be reported on by another association.
    """

    def __init__(
        self,
        decide: Callable[[StorageCommitment], Outcome | None],
        can_be_called: Container[str],
        on_change: Callable[[], None],
        on_left: Callable[[], None],
    ) -> None:
        self._decide = decide
        self._can_be_called = can_be_called
        self._on_change = on_change
        self._on_left = on_left
        self._lock = threading.Lock()
        self._open: dict[Association, OpenAssociation] = {}
        self._renew_at = time.monotonic() + _RENEW_SECONDS

    def promise(self, event: Event, commitment_id: int) -> None:
        """Take a request on, from the handler that is about to answer it."""
        with self._lock:
            if event.assoc not in self._open:
                self._open[event.assoc] = OpenAssociation(event.assoc, self._on_change)
            self._open[event.assoc].promise(commitment_id, event.context)

    def held(self) -> set[int]:
        """Return the requests that are seen to here."""
        with self._lock:
            return set().union(*(one.held() for one in self._open.values()))

    def go_round(self) -> None:
        """Write down what was answered, report on what is decided, and leave what is over.

        Raises
        ------
        TransientError
            When the database is away: the next round does the rest.
        """
        self._renew_leases()
        with self._lock:
            associations = dict(self._open)
        for key, association in associations.items():
            try:
                self._see_to(key, association)
            except TransientError:
                raise
            except Exception:  # noqa: BLE001  the border of one association: whatever its peer sent, the others go on
                _log.exception("association_not_reported_on", calling_ae_title=association.ae_title)
                self._leave(key, association, is_over=association.is_over)

    def _renew_leases(self) -> None:
        """Keep what is held from the listener's other processes, which do not know of it."""
        if time.monotonic() < self._renew_at:
            return
        if held := self.held():
            with transaction() as session:
                ledger.postpone(session, held, ledger.LEASE_SECONDS)
        self._renew_at = time.monotonic() + _RENEW_SECONDS

    def _see_to(self, key: Association, association: OpenAssociation) -> None:
        is_over = association.is_over  # before its answers are looked at: the last may come with its end
        for commitment_id, status in association.answers().items():
            note_answer(commitment_id, status)
            association.drop(commitment_id)
        # Who is late and has no address can be reported to by this association alone, as long as it lasts.
        if is_over or (association.is_late and association.ae_title in self._can_be_called):
            self._leave(key, association, is_over=is_over)
        else:
            self._report_next(association)

    def _report_next(self, association: OpenAssociation) -> None:
        commitment_id = association.next()
        if commitment_id is None:
            return
        with transaction() as session:
            commitment = ledger.claim(session, commitment_id)
        if commitment is None:
            association.drop(commitment_id)
        elif (outcome := self._decide(commitment)) and not association.is_over:
            fault.point("before_report")
            information = report.event_information(commitment.transaction_uid, outcome)
            association.report(report.event_type(outcome), information)

    def _leave(self, key: Association, association: OpenAssociation, *, is_over: bool) -> None:
        """Let go what was not answered; who sees to it next, must find it due."""
        with self._lock:
            left = association.leave()
            if is_over:
                del self._open[key]
        if left:
            with transaction() as session:
                ledger.postpone(session, left, 0)
            _log.info("commitments_left_to_call", requests=len(left))
            self._on_left()
