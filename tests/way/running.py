"""A running stack seen from outside, as a modality and an analyst see it: DICOM in, SQL out."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from pydicom import Dataset, dcmread
from pynetdicom import AE
from pynetdicom.presentation import build_context

from carpus.stack import Stack
from tests.objects import file_bytes

DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.1
SUCCESS = 0x0000
# Settings of a stack in which nobody waits long.
QUICK = {
    "CARPUS_SWEEP_SECONDS": "0.5",
    "CARPUS_REPUBLISH_SECONDS": "2",
    "CARPUS_RETRY_SECONDS": "1",
    "CARPUS_READ_SECONDS": "5",
    "CARPUS_ASSESS_LEASE_SECONDS": "5",
}


def as_sent(datasets: Sequence[Dataset]) -> list[Dataset]:
    """Return objects as a modality has them: encoded in their transfer syntax."""
    return [dcmread(BytesIO(file_bytes(dataset))) for dataset in datasets]


def send(objects: Sequence[Dataset], port: int) -> list[int]:
    """Send encoded objects over one association and return the statuses of the answers."""
    application = AE(ae_title="MODALITY")
    wanted = {(str(encoded.SOPClassUID), str(encoded.file_meta.TransferSyntaxUID)) for encoded in objects}
    application.requested_contexts = [build_context(*pair) for pair in sorted(wanted)]
    association = application.associate("127.0.0.1", port, ae_title="CARPUS")
    assert association.is_established
    try:
        return [association.send_c_store(encoded).Status for encoded in objects]
    finally:
        association.release()


@dataclass(frozen=True)
class Way:
    """A running stack, used from outside only: DICOM in, SQL out."""

    stack: Stack
    _stopped: set[str] = field(default_factory=set)  # on purpose, so that the supervisor is not asked meanwhile

    def _look_after(self) -> None:
        if not self._stopped:
            self.stack.look_after()

    def send(self, datasets: Sequence[Dataset]) -> list[int]:
        """Send objects over one association and return the statuses that the listener promised."""
        return send(as_sent(datasets), self.stack.ports.listener)

    def sql(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """Ask the database as an analyst would."""
        url = self.stack.postgres.url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return connection.execute(query, parameters).fetchall()

    def radiographs(self, datasets: Sequence[Dataset]) -> list[dict[str, Any]]:
        """Return the newest revision's row of each object, in the order of the objects."""
        uids = [str(dataset.SOPInstanceUID) for dataset in datasets]
        rows = self.sql("SELECT * FROM radiograph WHERE sop_instance_uid = ANY(%s) AND superseded_at IS NULL", uids)
        return sorted(rows, key=lambda row: uids.index(row["sop_instance_uid"]))

    def wait_for_ends(self, datasets: Sequence[Dataset], seconds: float = DEADLINE_SECONDS) -> list[dict[str, Any]]:
        """Wait until every object has reached an end state and return their rows in the same order."""
        deadline = time.monotonic() + seconds
        while True:
            self._look_after()
            rows = self.radiographs(datasets)
            states = [row["state"] for row in rows]
            if len(rows) == len(datasets) and all(row["ended_at"] for row in rows):
                return rows
            if time.monotonic() > deadline:
                pytest.fail(f"after {seconds} s {len(rows)} of {len(datasets)} are there, in the states {states}")
            time.sleep(POLL_SECONDS)

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something is so, looking after the stack meanwhile."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_so():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {DEADLINE_SECONDS} s: {what}")
            self._look_after()
            time.sleep(POLL_SECONDS)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Stop a process in an orderly way, and start it again after the block."""
        process = self.stack.processes[name]
        self._stopped.add(name)
        process.stop()
        yield
        process.start()
        self._stopped.remove(name)

    def results(self, datasets: Sequence[Dataset]) -> list[dict[str, Any]]:
        """Return what the view `result` says of the objects, in the same order."""
        uids = [str(dataset.SOPInstanceUID) for dataset in datasets]
        rows = self.sql("SELECT * FROM result WHERE sop_instance_uid = ANY(%s)", uids)
        return sorted(rows, key=lambda row: uids.index(row["sop_instance_uid"]))
