"""The listener dies at every step of receiving: what it promised is there, and what it did not is sent again."""

import pytest

from carpus.processes import LISTENER
from tests.faults.trial import Plant, Trial, some

POINTS = {
    "before_fsync": "the fsync",
    "before_rename": "the rename",
    "after_rename": "the folder's fsync",
    "before_answer": "the answer",
    "before_row": "the row",
    "before_unlink": "leaving the inbox",
    "before_message": "the message",
}


@pytest.mark.parametrize(
    "point", some(POINTS, in_short=["before_fsync", "before_answer", "before_unlink", "before_message"])
)
@pytest.mark.timeout(1800)
def test_the_listener_is_killed_before(plant: Plant, point: str) -> None:
    order = f"1{list(POINTS).index(point)}"
    with plant.trial(order, f"listener killed before {POINTS[point]}") as trial:
        for _ in range(plant.rounds(short=1, long=5 if point == "before_message" else 15)):
            _kill_at(plant, trial, point)


@pytest.mark.timeout(7200)
def test_the_listener_is_killed_at_random_moments(plant: Plant) -> None:
    with plant.trial("18", "listener killed at a random moment") as trial:
        for _ in range(plant.rounds(short=2, long=200)):
            listener = plant.stack.processes[LISTENER]
            with trial.sending(8):
                plant.pause(plant.chance.uniform(0.05, 0.5))
                listener.kill()
                listener.start()
                trial.fault_is_over()
            trial.recover()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_what_a_killed_listener_left_unfinished_is_removed_by_the_sweep(plant: Plant) -> None:
    incoming = plant.stack.store / "incoming"
    plant.wait_until(lambda: not list(incoming.iterdir()), lambda: list(incoming.iterdir()))


def _kill_at(plant: Plant, trial: Trial, point: str) -> None:
    """Let the listener die at a fault point while four radiographs are sent, and start it again."""
    listener = plant.stack.processes[LISTENER]
    plant.arm(point)
    with trial.sending(4):
        plant.wait_until_dead(listener, point)
        listener.start()
        trial.fault_is_over()
    trial.recover()
