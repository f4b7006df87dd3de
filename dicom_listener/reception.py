"""Makes an association of a connection whose request has come: pynetdicom's, with parts of ours in it.

After :mod:`connections`, which decides that it may be. What is put in: :mod:`wire`, :mod:`messages`,
:mod:`state_machine`.
"""

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.transport import AssociationServer, RequestHandler

from dicom_listener.messages import Messages
from dicom_listener.state_machine import EndingStateMachine
from dicom_listener.waiting import Waiting
from dicom_listener.wake import Wake, WakingQueue
from dicom_listener.wire import Wire


class Reception(RequestHandler):  # type: ignore[misc]  # pynetdicom has no types
    """Makes an association of a connection whose request has come, and starts its threads."""

    def __init__(self, waiting: Waiting, server: AssociationServer) -> None:
        self._waiting = waiting
        super().__init__(waiting.connection, waiting.address, server)

    def _create_association(self) -> Association:
        association = super()._create_association()
        settings, refusals = self.server.settings, self.server.refusals
        wake = Wake()
        association.dul._run_loop_delay = 0  # it waits in the wire
        association.dul.to_provider_queue = WakingQueue(wake)
        association.dul.socket = Wire(association.dul.socket, self._waiting.request, settings, refusals, wake)
        limits = {"max_object_bytes": self.server.max_object_bytes, "memory": self.server.memory}
        association.dimse = Messages(association, self.server.store, **limits, refusals=refusals, wake=wake)
        association.dul.state_machine = EndingStateMachine(association)
        association.bind(evt.EVT_CONN_CLOSE, _let_go)
        return association


def _let_go(event: Event) -> None:
    """Let go of what a lost connection left, and end the wait for a request: pynetdicom tells of it only later on."""
    # Association and provider hold each other: what had come would be booked until Python's cycle collector runs.
    event.assoc.dimse.message = None
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)
