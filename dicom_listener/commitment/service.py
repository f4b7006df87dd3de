"""Storage commitment as the listener starts and stops it: two threads beside the associations.

One reports on open associations and never waits for anybody; the other calls requesters back, and may.
"""

from collections.abc import Collection
from functools import partial

from dicom_listener.commitment.call import Caller
from dicom_listener.commitment.conversations import Conversations
from dicom_listener.commitment.decide import decide
from dicom_listener.commitment.loop import Loop
from dicom_listener.outage import Outage
from dicom_listener.settings import ListenerSettings
from dicom_listener.store import Store
from dicom_listener.tls import requesters_context

# While somebody waits on an open association: whether it still does, whether its object has its row by now.
_LOOK_SECONDS = 0.5


class StorageCommitment:
    """The service.

    Parameters
    ----------
    settings
        The listener's.
    store
        Where the objects lie.
    sop_classes
        Those that can be stored here.
    database
        Its outage.

    Raises
    ------
    SettingsError
        When requesters' authorities cannot be read.
    """

    def __init__(
        self, settings: ListenerSettings, store: Store, sop_classes: Collection[str], database: Outage
    ) -> None:
        decided = partial(decide, store=store, sop_classes=sop_classes)
        self.database = database
        peers = settings.commitment_peers or {}
        self.conversations = Conversations(decided, peers, self._wake_answering, self._wake_calling)
        secured = partial(requesters_context, settings)
        secured()  # a file that cannot be used is told of at the start
        held = self.conversations.held
        caller = Caller(
            decided, settings.ae_title, peers, held, tls=secured, is_stopping=lambda: self._calling.is_stopping
        )
        self._answering = Loop("commitment_answers", self.conversations.go_round, _LOOK_SECONDS, database)
        self._calling = Loop("commitment_calls", caller.go_round, settings.sweep_seconds, database)

    def start(self) -> None:
        """Start both threads; what earlier listeners left is due when their lease is over."""
        self._answering.start()
        self._calling.start()

    def stop(self, timeout_seconds: float) -> None:
        """Stop after the reports under way; the others are in the database."""
        self._answering.stop(timeout_seconds)
        self._calling.stop(timeout_seconds)

    def _wake_answering(self) -> None:
        self._answering.wake()

    def _wake_calling(self) -> None:
        self._calling.wake()
