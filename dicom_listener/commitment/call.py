"""Reports on associations of our own, to the addresses in ``CARPUS_COMMITMENT_PEERS``, until each was taken.

One association for all that is due to a requester, so that one that is away costs the others one wait and no more.

References
----------
DICOM PS3.4 section J.3.3.1.2, PS3.7 section D.3.3.4 (who opens an association is the SCU unless roles are negotiated).
"""

import ssl
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter

from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from db import fault, log
from db.addresses import Address
from db.errors import SettingsError, TransientError
from db.session import transaction
from db.tables import StorageCommitment
from dicom_listener.commitment import ledger, report
from dicom_listener.commitment.delivery import note_answer, note_failure
from dicom_listener.commitment.open_association import ANSWER_SECONDS
from dicom_listener.commitment.references import Outcome
from dicom_listener.commitment.statuses import told_status

_CONNECT_SECONDS = 10
_AT_MOST = 100  # requests in one round
_STILL_REGISTERED_SECONDS = 1

_NO_ADDRESS = (
    "the requester's association had ended, and CARPUS_COMMITMENT_PEERS has no address for its AE title; "
    "set one and let it ask again"
)

_log = log.get(__name__)


class UnreachableRequesterError(TransientError):
    """Nobody takes reports at a requester's address for now."""


class Caller:
    """Calls requesters back.

    Parameters
    ----------
    decide
        Says what came of a request, or None as long as that is open.
    ae_title
        Our own.
    peers
        The requesters' addresses by AE title.
    held
        Returns the requests that are still seen to on their own associations.
    tls
        Returns how to connect, or None for plain TCP; raises SettingsError for files that cannot be used.
    is_stopping
        Returns whether no further requester is to be called.
    """

    def __init__(
        self,
        decide: Callable[[StorageCommitment], Outcome | None],
        ae_title: str,
        peers: Mapping[str, Address],
        held: Callable[[], Collection[int]],
        *,
        tls: Callable[[], ssl.SSLContext | None],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._decide = decide
        self._ae_title = ae_title
        self._peers = peers
        self._held = held
        self._tls = tls
        self._is_stopping = is_stopping

    def go_round(self) -> None:
        """Report on whatever is due.

        Raises
        ------
        TransientError
            When the database is away: what was claimed is due again after its lease.
        """
        with transaction() as session:
            due = ledger.claim_due(session, self._held(), _AT_MOST)
        by_requester = attrgetter("calling_ae_title")
        for ae_title, commitments in groupby(sorted(due, key=by_requester), by_requester):
            if self._is_stopping():  # whoever is left is due again when the lease is over
                return
            self._report_to(ae_title, list(commitments))

    def _report_to(self, ae_title: str, commitments: list[StorageCommitment]) -> None:
        address = self._peers.get(ae_title)
        if address is None:
            for commitment in commitments:
                note_failure(commitment.id, _NO_ADDRESS, is_final=True)
            return
        left = {commitment.id: commitment for commitment in commitments}
        try:
            with self._called(ae_title, address) as association:
                for commitment in commitments:
                    self._report(association, commitment)
                    del left[commitment.id]
        except UnreachableRequesterError as error:
            reason = str(error)
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001  the border of one requester: whatever it sent, the others are called
            _log.exception("requester_not_reported_to", ae_title=ae_title)
            reason = f"unexpected {type(error).__name__}, see the listener's log"
        for commitment_id in left:
            note_failure(commitment_id, reason)

    def _report(self, association: Association, commitment: StorageCommitment) -> None:
        outcome = self._decide(commitment)
        if outcome is None:
            with transaction() as session:
                ledger.postpone(session, [commitment.id], _STILL_REGISTERED_SECONDS)
            return
        fault.point("before_report")
        if not association.is_established:
            raise UnreachableRequesterError("the requester ended the association before it had the report")
        response, _ = association.send_n_event_report(
            report.event_information(commitment.transaction_uid, outcome),
            report.event_type(outcome),
            StorageCommitmentPushModel,
            StorageCommitmentPushModelInstance,
        )
        if "Status" not in response:
            raise UnreachableRequesterError(f"the requester did not answer the report within {ANSWER_SECONDS} s")
        note_answer(commitment.id, told_status(response.Status))

    @contextmanager
    def _called(self, ae_title: str, address: Address) -> Iterator[Association]:
        entity = AE(self._ae_title)
        entity.connection_timeout = _CONNECT_SECONDS
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = ANSWER_SECONDS
        entity.add_requested_context(StorageCommitmentPushModel)
        roles = [build_role(StorageCommitmentPushModel, scp_role=True)]
        try:
            context = self._tls()
            tls = (context, address.host) if context else None
            association = entity.associate(address.host, address.port, ae_title=ae_title, ext_neg=roles, tls_args=tls)
        except SettingsError as error:  # a file was taken away meanwhile, or is just being renewed
            raise UnreachableRequesterError(str(error)) from error
        except OSError as error:  # the host's name is unknown
            raise UnreachableRequesterError(f"{address.host} has no address ({error.strerror})") from error
        if not association.is_established:
            way = " by TLS with a certificate that can be verified" if tls else ""
            refused = "refuses storage commitment's association" if association.is_rejected else "takes no association"
            raise UnreachableRequesterError(f"{address.host}:{address.port} {refused}{way}")
        try:
            yield association
        finally:
            association.release()
