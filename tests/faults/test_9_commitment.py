"""The listener dies while it takes custody: who was answered Success is told in the end, and told the truth."""

import queue
import time
from collections.abc import Sequence
from contextlib import suppress

import pytest
from pydicom import Dataset

from carpus.processes import LISTENER
from tests.dicom_listener.requester import Report, Requester, ask, information
from tests.faults.table import Row
from tests.faults.trial import Plant, some

# pynetdicom leaves the sockets of refused connections to the garbage collector.
pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
POINTS = {
    "before_commitment_answer": "the answer",
    "before_report": "the report",
    "before_reported": "the report is noted",
}


@pytest.mark.parametrize("point", some(POINTS, in_short=["before_commitment_answer"]))
def test_the_listener_is_killed_in_a_commitment_before(plant: Plant, point: str) -> None:
    requester = Requester(plant.stack.ports.listener)
    recoveries, rounds, promised, reported = [], plant.rounds(1, 5), set[str](), set[str]()
    with requester.listening(plant.commitment_port):
        for _ in range(rounds):
            with plant.trial("9", "a commitment's objects are sent", is_kept=False) as trial:
                objects = plant.sent(trial, 3)
            transaction = _ask_and_kill(plant, requester, objects, point)
            began = time.monotonic()
            report = _report_of(plant, requester, transaction)
            recoveries.append(time.monotonic() - began)
            promised |= {str(data_set.SOPInstanceUID) for data_set in objects}
            reported |= set(report.committed)
    with plant.database() as connection:
        rows = connection.execute(
            "SELECT sop_instance_uid FROM radiograph WHERE committed_at IS NOT NULL AND sop_instance_uid = ANY(%s)",
            [list(promised)],
        ).fetchall()
    found = reported & {str(row[0]) for row in rows}
    row = Row(
        f"9{list(POINTS).index(point)}",
        f"listener killed in a storage commitment before {POINTS[point]}",
        rounds,
        *(len(promised), len(found), len(promised - found), len(rows) - len(found), 0),
        round(max(recoveries), 1),
    )
    if plant.is_long:
        row.keep()
    assert promised == reported == found
    assert row.longest_recovery_seconds <= plant.longest_recovery_seconds


def _ask_and_kill(plant: Plant, requester: Requester, objects: Sequence[Dataset], point: str) -> str:
    """Ask for custody until a Success comes, as a modality does, while the listener dies and is started again."""
    listener, asked = plant.stack.processes[LISTENER], information(objects)
    plant.arm(point)
    status = None
    with requester.associated() as association:
        with suppress(AttributeError, RuntimeError, ValueError):  # no answer comes from who dies before it
            status = ask(association, asked)
        plant.wait_until_dead(listener, point)
    listener.start()
    plant.wait_for_listener()
    if status != 0x0000:
        with requester.associated() as association:
            assert ask(association, asked) == 0x0000
    return str(asked.TransactionUID)


def _report_of(plant: Plant, requester: Requester, transaction: str) -> Report:
    """Wait for a report; one may come twice, and one of an earlier round late."""
    deadline = time.monotonic() + 2 * plant.longest_recovery_seconds
    while time.monotonic() < deadline:
        plant.pause(0.1)
        try:
            report = requester.reports.get_nowait()
        except queue.Empty:
            continue
        if report.transaction_uid == transaction:
            return report
    raise AssertionError("no report came")
