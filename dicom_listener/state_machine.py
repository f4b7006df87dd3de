"""pynetdicom's state machine of an association, made to end one in good order whatever its peer sends, and when.

Given to each association by :mod:`connections`. Fuzzing found two faults: an answer of ours that came when the peer's
nonsense had ended the association ended the thread by an exception; and what a peer went on to send after that end was
read until a minute was over, each PDU an error in the log.

References
----------
DICOM PS3.8 section 9.2 (state machine), table 9-10 (transitions).
"""

import queue
from contextlib import suppress
from typing import Final

from pynetdicom.association import Association
from pynetdicom.fsm import TRANSITION_TABLE, StateMachine

from dicom_listener.refusals import Refusals

_ENDED: Final = frozenset({"Sta1", "Sta13"})  # idle; waiting for the connection to be closed
_NOT_UNDERSTOOD: Final = "Evt19"  # an unrecognised or invalid PDU
_PDUS: Final = frozenset({"Evt3", "Evt4", "Evt6", "Evt10", "Evt12", "Evt13", _NOT_UNDERSTOOD})
_WAITED_ENOUGH: Final = "Evt18"  # the ARTIM timer expired: hang up


class EndingStateMachine(StateMachine):  # type: ignore[misc]  # pynetdicom has no types
    """Forgets what comes too late, and hangs up on a peer that goes on to send when it should.

    Parameters
    ----------
    association
        Whose machine it becomes.
    refusals
        Where a PDU that cannot be understood is noted.
    """

    def __init__(self, association: Association, refusals: Refusals) -> None:
        super().__init__(association.dul)
        self.current_state = association.dul.state_machine.current_state
        self._refusals = refusals

    def do_action(self, event: str) -> None:
        """Do what the standard's table says for an event; see the class for what it does not foresee."""
        has_ended = self.current_state in _ENDED
        if event == _NOT_UNDERSTOOD and not has_ended:
            self._refusals.note("a PDU that cannot be understood", str(self.dul.assoc.requestor.address))
        if self.current_state == "Sta13" and event in _PDUS:
            event = _WAITED_ENOUGH
        if has_ended and (event, self.current_state) not in TRANSITION_TABLE:
            with suppress(queue.Empty):  # the answer would be offered again, and nothing else looked at
                self.dul.to_provider_queue.get(block=False)
            return
        super().do_action(event)
