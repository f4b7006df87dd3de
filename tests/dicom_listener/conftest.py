"""A running listener on a port the system chose, and a modality that sends to it."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import Verification
from sqlalchemy import Row, text

from carpus.ports import free_port
from db import log
from db import settings as db_settings
from db.session import transaction
from tests.conftest import CarpusEnvironment

if TYPE_CHECKING:
    from tests.dicom_listener.requester import Requester

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Modality:
    """Sends to a listener on a port of this machine."""

    port: int

    def associate(self, data_set: Dataset | None = None) -> Association:
        entity = AE("MODALITY")
        entity.add_requested_context(Verification)
        if data_set is not None:
            entity.add_requested_context(data_set.SOPClassUID, data_set.file_meta.TransferSyntaxUID)
        association = entity.associate("127.0.0.1", self.port)
        assert association.is_established
        return association

    def send(self, data_set: Dataset) -> int:
        association = self.associate(data_set)
        try:
            return int(association.send_c_store(data_set).Status)
        finally:
            association.release()

    def send_raw(self, uid: str, data_set: bytes, sop_class_uid: str = DigitalXRayImageStorageForPresentation) -> int:
        """Send what no honest modality would, past the client's own checks."""
        entity = AE("MODALITY")
        entity.add_requested_context(DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian)
        association = entity.associate("127.0.0.1", self.port)
        assert association.is_established
        request = C_STORE()
        request.MessageID = 1
        request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class_uid, uid
        request.Priority = 2
        request.DataSet = io.BytesIO(data_set)
        association._reactor_checkpoint.clear()
        association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
        _, answer = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
        association.release()
        return int(answer.Status)


@dataclass(frozen=True)
class Running(Modality):
    """A listener that runs in this process, its sweep called by the test alone, and a modality that sends to it."""

    listener: Any
    store: Path

    def inbox(self) -> list[Path]:
        return sorted((self.store / "inbox").iterdir())


@pytest.fixture
def listener(carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    from dicom_listener import serve
    from dicom_listener.settings import ListenerSettings
    from dicom_listener.sweep import Sweep

    # Its own first sweep, at once, may be under way or yet to come when the test sweeps.
    monkeypatch.setattr(Sweep, "_run", lambda _: None)
    settings = ListenerSettings(listener_port=0, stop_seconds=5)
    started = serve.start(settings, db_settings.shared())
    yield Running(started.port, started, carpus_env.store)
    started.stop(5)


@pytest.fixture
def written() -> Callable[[], str]:
    """Return what has been logged since the test began."""
    stream = io.StringIO()
    with redirect_stderr(stream):
        log.configure("test")
    return stream.getvalue


def rows(statement: str = "SELECT * FROM radiograph ORDER BY id") -> list[Row[Any]]:
    with transaction() as session:
        return list(session.execute(text(statement)).all())


def poll(what: Callable[[], Any], until: Callable[[Any], bool], deadline_seconds: float = 10) -> Any:
    """Return what is seen once it is as wanted; fail with what was last seen."""
    deadline = time.monotonic() + deadline_seconds
    while not until(seen := what()):
        if time.monotonic() > deadline:
            pytest.fail(f"after {deadline_seconds} s still: {seen}")
        time.sleep(POLL_SECONDS)
    return seen


def registered(count: int) -> list[Row[Any]]:
    return poll(rows, lambda found: len(found) == count)


def messages(environment: CarpusEnvironment, queue: str = "read") -> list[dict[str, Any]]:
    """Return the messages in a queue, as Celery wrote them."""
    with redis.Redis.from_url(environment.servers.broker_url) as client:
        return [json.loads(message) for message in client.lrange(queue, 0, -1)]


@pytest.fixture
def peer_port() -> int:
    return free_port()


@pytest.fixture
def requester(carpus_env: CarpusEnvironment, peer_port: int) -> "Iterator[Requester]":
    """A requester whose address is known to a listener."""
    from tests.dicom_listener.requester import AE_TITLE, Requester, committing

    with committing(commitment_peers=f"{AE_TITLE}=127.0.0.1:{peer_port}") as listener:
        yield Requester(listener.port)
