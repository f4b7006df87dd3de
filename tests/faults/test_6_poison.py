"""An image that crashes, hangs or swells whoever reads it: the third attempt is the last, and neighbours lose none."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from carpus import child
from carpus.processes import COMMANDS
from tests.faults.objects import radiographs
from tests.faults.trial import ROOT, Plant, some

pytestmark = pytest.mark.timeout(1800)
POISONS = {
    "crashes": "SIGABRT",
    "hangs": "CARPUS_READ_SECONDS",
    "hangs in a library": "CARPUS_READ_SECONDS",
    "takes all memory": "CARPUS_READ_MEMORY_BYTES",
}


@contextmanager
def _poisoned_reader(plant: Plant) -> Iterator[None]:
    """Run a read worker whose decoder does what some images want."""
    _, *arguments = COMMANDS["read"]
    poisoned = (word.replace("worker.app", "tests.faults.poison_app") for word in arguments)
    environment = plant.stack.environment() | {"PYTHONPATH": str(ROOT), "CARPUS_READ_SECONDS": "5"}
    with (plant.stack.logs / "poisoned.log").open("ab") as log:
        worker = child.spawn([sys.executable, "-m", "celery", *poisoned], log, environment)
    try:
        yield
    finally:
        child.stop(worker)


@pytest.mark.parametrize("poison", some(POISONS, in_short=[]))  # in short by `tests/worker/test_limits`
def test_a_poison_image_fails_after_three_attempts_and_alone(plant: Plant, poison: str) -> None:
    order = f"6{list(POISONS).index(poison)}"
    with (
        plant.without("read"),
        _poisoned_reader(plant),
        plant.trial(order, f"image that {poison} (each attempt 5 s at most)", 1) as trial,
    ):
        for _ in range(plant.rounds(1, 1)):
            poisoned = radiographs(1, PatientID=poison)
            with trial.sending(9, objects=[*radiographs(4), *poisoned, *radiographs(4)]):
                trial.fault_is_over()
            trial.recover()
    assert trial.balance is not None
    assert trial.balance.states == {"COMPLETED": 8 * trial.rounds, "FAILED": trial.rounds}
    with plant.database() as connection:
        rows = connection.execute(
            "SELECT state_reason, attempts FROM radiograph WHERE patient_id = %s AND state = 'FAILED'", [poison]
        ).fetchall()
        waiting = connection.execute(
            "SELECT count(*) FROM worklist WHERE patient_id = %s AND needs_person", [poison]
        ).fetchone()
    assert [attempts for _, attempts in rows] == [3] * trial.rounds
    assert all(POISONS[poison] in reason for reason, _ in rows), rows
    assert waiting == (trial.rounds,)
