"""What a hostile object cannot do: the read worker's limits, tried on a real prefork worker."""

import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from db.session import transaction
from db.tables import Radiograph
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph
from tests.worker.working import Working, rows, sweep_until, wait_until
from worker.app import enqueue

DEADLINE_SECONDS = 60.0
# What the process can still say of itself, and what only its worker can.
HOSTILE = {
    "hangs": "the read took longer than CARPUS_READ_SECONDS allows",
    "takes all memory": "the read needed more memory than CARPUS_READ_MEMORY_BYTES allows",
    "hangs in a library": "the read took longer than CARPUS_READ_SECONDS allows, and its process was ended",
    "crashes": "the process of the read crashed (SIGABRT)",
    "takes all of the machine's memory": "the process of the read was killed (SIGKILL), mostly by the system for "
    "want of memory",
}
HARMLESS = ["harmless 1", "harmless 2", "harmless 3"]


def _add(*names: str) -> None:
    with transaction() as session:
        ids = [add_radiograph(session, f"1.2.{number}", patient_id=name) for number, name in enumerate(names)]
    for radiograph_id in ids:
        enqueue("read", radiograph_id)


def _ended(found: dict[str, Radiograph]) -> bool:
    return all(row.state in {State.FAILED, State.READ} for row in found.values())


def test_a_hostile_object_ends_with_its_reason_and_its_neighbours_lose_no_attempt(
    working: Callable[..., Working],
) -> None:
    worker = working("read", CARPUS_READ_SECONDS="2", CARPUS_ATTEMPTS="1")
    _add(*HOSTILE, *HARMLESS)
    found = sweep_until(_ended)
    assert {name: found[name].state_reason for name in HOSTILE} == HOSTILE
    assert {found[name].state for name in HOSTILE} == {State.FAILED}
    assert {(found[name].state, found[name].state_reason) for name in HARMLESS} == {(State.READ, None)}
    assert worker.is_alive


def test_the_third_crash_is_the_last_long_before_a_lease_lapses(working: Callable[..., Working]) -> None:
    # A lease of 75 s: what ends here within the deadline was charged when its process was lost.
    working("read", CARPUS_READ_SECONDS="60", CARPUS_RETRY_SECONDS="0.2")
    _add("crashes", "takes all of the machine's memory", *HARMLESS)
    found = sweep_until(_ended)
    assert [found[name].attempts for name in ("crashes", "takes all of the machine's memory")] == [3, 3]
    assert {found[name].state for name in HARMLESS} == {State.READ}


def test_a_process_that_was_asked_to_end_costs_its_radiograph_nothing(working: Callable[..., Working]) -> None:
    worker = working("read", CARPUS_READ_SECONDS="60")
    _add("hangs")
    wait_until(lambda: {row.state for row in rows().values()} == {State.READING}, rows)
    for process in psutil.Process(worker.pid).children():
        process.terminate()
    worker.wait_for_event("radiograph_given_back")
    (row,) = rows().values()
    assert row.attempts == 0


def test_a_process_lost_while_the_database_is_away_leaves_the_claim_to_lapse(
    working: Callable[..., Working], carpus_env: CarpusEnvironment
) -> None:
    worker = working("read", CARPUS_READ_SECONDS="60")
    _add("hangs")
    wait_until(lambda: {row.state for row in rows().values()} == {State.READING}, rows)
    carpus_env.servers.postgres.stop()
    for process in psutil.Process(worker.pid).children():
        process.kill()
    worker.wait_for_event("task_not_answered_for")
    carpus_env.servers.postgres.start()
    (row,) = rows().values()
    assert (row.state, row.attempts) == (State.READING, 1)
    assert worker.is_alive


@pytest.mark.parametrize(
    ("queue", "pool", "cure"), [("read", "threads", "prefork"), ("assess", "prefork", "solo or threads")]
)
def test_a_pool_that_cannot_keep_the_promises_is_refused(
    carpus_env: CarpusEnvironment, queue: str, pool: str, cure: str
) -> None:
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "--queues", queue, "--pool", pool]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)
    assert done.returncode != 0
    assert f"carpus: queue {queue} needs --pool {cure}" in done.stderr
