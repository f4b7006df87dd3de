"""pynetdicom's state machine of an association, made to end one in good order whatever its peer sends, and when.

Set by :mod:`serve` for each connection. Fuzzing found four faults:

- an answer of ours that came when the peer's nonsense had ended the association ended the thread by an exception;
- what a peer sent after that end was read six bytes at a time, each an error in the log, until a minute was over;
- a peer that hung up before its request was whole kept its place for that minute, so that twenty of them shut the door;
- where the peer hung up first, the socket stayed open until Python happened to collect it.

References
----------
DICOM PS3.8 section 9.2 (state machine), table 9-10 (transitions).
"""

import logging
import queue
import socket
from contextlib import suppress
from typing import Final

from pynetdicom.events import Event
from pynetdicom.fsm import TRANSITION_TABLE, StateMachine

from db import log

_ENDED: Final = frozenset({"Sta1", "Sta13"})  # idle; waiting for the connection to be closed
_NOT_UNDERSTOOD: Final = "Evt19"  # an unrecognised or invalid PDU
_PDUS: Final = frozenset({"Evt3", "Evt4", "Evt6", "Evt10", "Evt12", "Evt13", _NOT_UNDERSTOOD})
_WAITED_ENOUGH: Final = "Evt18"  # the ARTIM timer expired: hang up

_log = log.get(__name__)


class EndingStateMachine(StateMachine):  # type: ignore[misc]
    """Forgets what comes too late, and hangs up on a peer that goes on to send when it should."""

    connection: socket.socket | None = None

    def do_action(self, event: str) -> None:
        """Do what the standard's table says for an event; see the class for what it does not foresee."""
        if event == _NOT_UNDERSTOOD and self.current_state not in _ENDED:
            requestor = self.dul.assoc.requestor
            _log.warning("pdu_not_understood", association=f"{requestor.address}:{requestor.port}")
        if self.current_state == "Sta13" and event in _PDUS:
            event = _WAITED_ENOUGH
        if self.current_state in _ENDED and (event, self.current_state) not in TRANSITION_TABLE:
            with suppress(queue.Empty):  # the answer would be offered again, and nothing else looked at
                self.dul.to_provider_queue.get(block=False)
            return
        super().do_action(event)
        if self.current_state == "Sta1":
            self.dul.to_user_queue.put(None)  # what a wait for the request ends with when its time is over
            if self.connection is not None:
                self.connection.close()


def set_state_machine(event: Event) -> None:
    """Give a new connection this state machine; a handler of ``EVT_CONN_OPEN``."""
    dul = event.assoc.dul
    ending = EndingStateMachine(dul)
    ending.current_state = dul.state_machine.current_state
    ending.connection = dul.socket.socket if dul.socket else None
    dul.state_machine = ending


def quieten() -> None:
    """Let pynetdicom log no error for what a peer sent; its tracebacks quote it, and there is one for each PDU."""
    for part in ("dul", "fsm", "utils"):
        logging.getLogger(f"pynetdicom.{part}").setLevel(logging.CRITICAL)
