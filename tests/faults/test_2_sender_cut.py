"""A sender is cut off in the middle of a transfer: nothing is promised, and nothing is left of it."""

import pytest

from carpus.processes import LISTENER
from tests.faults.cut import Recording, in_threads
from tests.faults.objects import radiographs
from tests.faults.resources import Resources
from tests.faults.trial import Plant


@pytest.mark.timeout(600)
def test_a_sender_is_cut_off_in_mid_transfer(plant: Plant) -> None:
    port, rounds = plant.stack.ports.listener, plant.rounds(short=100, long=1000)
    plant.wait_for_listener()  # which an earlier trial may have killed after all was promised
    recording = Recording(radiographs(1)[0], port)
    cuts = [(plant.chance.random() * 0.999, plant.chance.random() < 0.5) for _ in range(rounds)]
    uids: list[str] = []
    left_by_others = _unfinished(plant)  # of listeners that were killed; the sweep removes them in its time

    def cut(number: int) -> None:
        part, abruptly = cuts[number]
        uids.append(recording.cut(port, part, abruptly=abruptly))

    with plant.trial("20", "sender cut off in mid-transfer") as trial:
        in_threads(20, cut)
        with trial.sending(8):
            trial.fault_is_over()
        trial.recover()
        before = _settled(plant, plant.resources(LISTENER))
        in_threads(rounds, cut)
        trial.fault_is_over()
        trial.rounds = rounds
        with trial.sending(4):
            pass
        trial.recover()
    plant.wait_until(lambda: plant.resources(LISTENER).threads <= before.threads, lambda: plant.resources(LISTENER))
    plant.wait_until(
        lambda: plant.resources(LISTENER).open_files <= before.open_files, lambda: plant.resources(LISTENER)
    )
    assert plant.resources(LISTENER).memory_bytes < before.memory_bytes * 1.1
    assert _unfinished(plant) <= left_by_others
    with plant.database() as connection:
        assert connection.execute(
            "SELECT count(*) FROM radiograph WHERE sop_instance_uid = ANY(%s)", [uids]
        ).fetchone() == (0,)


def _unfinished(plant: Plant) -> set[str]:
    return {path.name for path in (plant.stack.store / "incoming").iterdir()}


def _settled(plant: Plant, seen: Resources) -> Resources:
    """Return what the listener holds once its associations have ended: as little as it will."""
    for _ in range(plant.rounds(short=10, long=30)):
        plant.pause(0.2)
        now = plant.resources(LISTENER)
        seen = min(seen, now, key=lambda held: (held.threads, held.open_files))
    return seen
