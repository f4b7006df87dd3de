"""What a hostile object cannot do: the read worker's limits, tried on a real prefork worker."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from carpus import child
from carpus.processes import COMMANDS
from db.session import transaction
from db.tables import Radiograph
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph
from worker.app import enqueue

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60.0
HOSTILE = {
    "hangs": "the read took longer than CARPUS_READ_SECONDS allows",
    "takes all memory": "the read needed more memory than CARPUS_READ_MEMORY_BYTES allows",
}


@pytest.fixture
def hostile_worker(
    carpus_env: CarpusEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[child.Child]:
    monkeypatch.setenv("CARPUS_READ_SECONDS", "2")
    monkeypatch.setenv("CARPUS_ATTEMPTS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    _, *arguments = COMMANDS["read"]
    hostile = (word.replace("worker.app", "tests.worker.hostile_app") for word in arguments)
    with (tmp_path / "worker.log").open("wb") as log:
        started = child.spawn([sys.executable, "-m", "celery", *hostile], log, os.environ)
    yield started
    child.stop(started)


def test_a_hostile_object_ends_with_its_reason_and_its_neighbours_are_read(hostile_worker: child.Child) -> None:
    names = [*HOSTILE, "hangs in a library", "crashes", "harmless 1", "harmless 2"]
    with transaction() as session:
        ids = {name: add_radiograph(session, f"1.2.{number}", patient_id=name) for number, name in enumerate(names)}
    for radiograph_id in ids.values():
        enqueue("read", radiograph_id)
    expected = dict.fromkeys(HOSTILE, State.FAILED) | {"harmless 1": State.READ, "harmless 2": State.READ}
    # These two cannot speak for themselves any more: their claims lapse, and the sweep takes over (tests/db).
    expected |= {"hangs in a library": State.READING, "crashes": State.READING}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (found := _states()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == expected
    assert hostile_worker.poll() is None
    with transaction() as session:
        for name, reason in HOSTILE.items():
            assert session.get_one(Radiograph, ids[name]).state_reason == reason


def _states() -> dict[str | None, str]:
    with transaction() as session:
        return {row.patient_id: row.state for row in session.scalars(select(Radiograph))}


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
