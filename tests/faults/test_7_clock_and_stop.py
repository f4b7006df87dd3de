"""The database's clock jumps; and everything is told to stop in full work."""

import time

import pytest

from carpus.processes import LISTENER, stop_seconds
from tests.faults.clock import another_clock, jump
from tests.faults.trial import Plant, some

pytestmark = pytest.mark.timeout(1800)
HOUR_SECONDS = 3600.0


@pytest.mark.parametrize("hours", some([1.0, -1.0], in_short=[-1.0]))
def test_the_clock_jumps_in_full_work(plant: Plant, hours: float) -> None:
    direction = "ahead" if hours > 0 else "back"
    with (
        another_clock(plant),
        plant.trial(f"7{direction[0]}", f"database's clock set an hour {direction} in full work") as trial,
    ):
        for _ in range(plant.rounds(1, 2)):
            with trial.sending(30, senders=4):
                plant.pause(0.5)
                plant.stack.processes["assess"].kill()  # with claims that only time ends
                jump(plant, hours * HOUR_SECONDS)
                plant.stack.processes["assess"].start()
                trial.fault_is_over()
            trial.recover()


@pytest.mark.parametrize("name", some(["read", "assess", LISTENER], in_short=["read"]))
def test_a_process_is_told_to_stop_in_full_work(plant: Plant, name: str) -> None:
    with plant.trial(f"7s-{name}", f"{name} told to stop in full work (SIGTERM), started again") as trial:
        for _ in range(plant.rounds(1, 10)):
            process = plant.stack.processes[name]
            with trial.sending(40, senders=4):
                plant.pause(plant.chance.uniform(0.3, 1.0))
                began = time.monotonic()
                process.stop()
                assert time.monotonic() - began < stop_seconds(name), "it was ended by force"
                process.start()
                trial.fault_is_over()
            trial.recover()
    assert trial.balance is not None
    assert set(trial.balance.states) == {"COMPLETED"}


@pytest.mark.long
def test_the_whole_stack_is_told_to_stop_in_full_work(plant: Plant) -> None:
    with plant.trial("7t", "whole stack told to stop in full work, started again") as trial:
        for _ in range(plant.rounds(1, 5)):
            with trial.sending(40, senders=4):
                plant.pause(plant.chance.uniform(0.3, 1.0))
                plant.stack.__exit__(None, None, None)
                plant.stack.__enter__()
                trial.fault_is_over()
            trial.recover()
