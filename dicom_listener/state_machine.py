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

_ENDED: Final = frozenset({"Sta1", "Sta13"})  # idle; waiting for the connection to be closed
_PDUS: Final = frozenset({"Evt3", "Evt4", "Evt6", "Evt10", "Evt12", "Evt13", "Evt19"})  # the last: invalid ones
_DATA: Final = frozenset({"Evt9", "Evt10"})
_WAITED_ENOUGH: Final = "Evt18"  # the ARTIM timer expired: hang up


class EndingStateMachine(StateMachine):  # type: ignore[misc]  # pynetdicom has no types
    """Forgets what comes too late, and hangs up on a peer that goes on to send when it should.

    Parameters
    ----------
    association
        Whose machine it becomes.
    """

    def __init__(self, association: Association) -> None:
        super().__init__(association.dul)
        self.current_state = association.dul.state_machine.current_state

    def do_action(self, event: str) -> None:
        """Do what the standard's table says for an event; see the class for what it does not foresee."""
        has_ended = self.current_state in _ENDED
        if self.current_state == "Sta13" and event in _PDUS:
            event = _WAITED_ENOUGH
        if has_ended and (event, self.current_state) not in TRANSITION_TABLE:
            with suppress(queue.Empty):  # the answer would be offered again, and nothing else looked at
                self.dul.to_provider_queue.get(block=False)
            return
        super().do_action(event)
        if event not in _DATA:
            self.dul.assoc.dimse.look_up()  # for a release, an abort, the connection's end
