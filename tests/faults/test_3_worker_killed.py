"""Workers die in every step, get a message twice, or an image comes from four senders at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from carpus.processes import Process
from tests.faults.objects import radiographs
from tests.faults.trial import Plant, Trial, some

READ_POINTS = {
    "read_claimed": "before reading",
    "read_saved": "before the row",
    "read_written": "before the message",
    "read_finished": "before its message is acknowledged",
}
ASSESS_POINTS = {
    "assess_claimed": "before assessing",
    "assess_predicted": "before recording",
    "assess_uncommitted": "before the commit",
    "assess_finished": "before its message is acknowledged",
}


@pytest.mark.parametrize("point", some(READ_POINTS, in_short=["read_saved", "read_finished"]))
@pytest.mark.timeout(1800)
def test_a_reading_process_is_killed(plant: Plant, point: str) -> None:
    order = f"30{list(READ_POINTS).index(point)}"
    with plant.trial(order, f"reading process killed {READ_POINTS[point]}") as trial:
        for _ in range(plant.rounds(short=1, long=3)):
            plant.arm(point)
            with trial.sending(4):
                plant.wait_until(lambda: plant.was_hit(point), f"a process came to {point}")
                trial.fault_is_over()
            trial.recover()


@pytest.mark.parametrize("point", some(ASSESS_POINTS, in_short=["assess_uncommitted"]))
@pytest.mark.timeout(1800)
def test_the_assess_worker_is_killed(plant: Plant, point: str) -> None:
    order = f"31{list(ASSESS_POINTS).index(point)}"
    worker = plant.stack.processes["assess"]
    with plant.trial(order, f"assess worker killed {ASSESS_POINTS[point]}") as trial:
        for _ in range(plant.rounds(short=1, long=2)):
            plant.arm(point)
            with trial.sending(4):
                plant.wait_until_dead(worker, point)
                worker.start()
                trial.fault_is_over()
            trial.recover()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_whole_read_worker_is_killed_in_full_work(plant: Plant) -> None:
    with plant.trial("320", "whole read worker killed in full work") as trial:
        for _ in range(plant.rounds(short=1, long=3)):
            _kill_in_full_work(plant, trial, plant.stack.processes["read"])


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_worker_hangs(plant: Plant) -> None:
    """By SIGSTOP at a point where it holds a claim; that it is alive must not deceive the supervisor."""
    with plant.trial("330", "assess worker hangs (SIGSTOP), found by its health check") as trial:
        for _ in range(plant.rounds(short=1, long=2)):
            plant.pause(60)  # till it has been found well once; before, it may be loading its model for three minutes
            plant.arm("assess_predicted", "SIGSTOP")
            with trial.sending(4):
                plant.wait_until(lambda: plant.was_hit("assess_predicted"), "the worker came to its prediction")
                trial.fault_is_over()
            trial.recover()


@pytest.mark.timeout(600)
def test_two_workers_get_every_message_five_times(plant: Plant) -> None:
    with plant.trial("340", "every message five times, to two read workers") as trial:
        for _ in range(plant.rounds(short=1, long=10)):
            with plant.without("read"):
                with trial.sending(10):
                    pass
                plant.wait_until(
                    lambda: len(plant.promised_ids(trial.ledger)) == trial.ledger.promised, "all have rows"
                )
                plant.publish("read", plant.promised_ids(trial.ledger)[-10:] * 4)
            with _a_second_reader(plant):
                trial.fault_is_over()
                trial.recover()
                plant.publish("assess", plant.promised_ids(trial.ledger)[-10:] * 4)


@contextmanager
def _a_second_reader(plant: Plant) -> Iterator[None]:
    """Run another read worker beside the stack's."""
    second = Process("read", plant.stack.environment(), plant.stack.logs / "second_read.log")
    second.start()
    try:
        yield
    finally:
        second.stop()


@pytest.mark.timeout(600)
def test_the_same_image_is_sent_by_four_senders_at_once(plant: Plant) -> None:
    with plant.trial("350", "the same image from four senders at once") as trial:
        for _ in range(plant.rounds(short=5, long=50)):
            (image,) = radiographs(1)
            with trial.sending(4, senders=4, objects=[image] * 4):
                trial.fault_is_over()
            trial.recover()


def _kill_in_full_work(plant: Plant, trial: Trial, worker: Process) -> None:
    with trial.sending(40, senders=4):
        plant.pause(plant.chance.uniform(0.3, 1.0))
        worker.kill()
        worker.start()
        trial.fault_is_over()
    trial.recover()
