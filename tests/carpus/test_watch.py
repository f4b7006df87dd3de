"""The watch over a worker: it asks by a process, never waits for it, and blames only a worker that does not answer."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from carpus import watch
from carpus.processes import SERVICES, WATCHED, Process
from carpus.watch import Watch
from tests.carpus.waiting import Seen, descendants, wait_until
from worker.settings import HUNG_STATUS

MARK = "a-question-of-this-test"


def questions() -> list[Seen]:
    return [one for one in descendants(os.getpid()) if MARK in one.command]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watch, "time", made)
    return made


@pytest.fixture
def watching(tmp_path: Path) -> Callable[[str], Watch]:
    def started(does: str) -> Watch:
        return Watch([sys.executable, "-c", does, MARK], os.environ, tmp_path / "log", tmp_path)

    return started


def verdict(clock: Clock, one: Watch, after_seconds: float = watch.INTERVAL_SECONDS) -> bool:
    """Ask when it is due, and return what was found."""
    clock.now += after_seconds
    assert not one.finds_hung()
    # Not by its command line, which it has only once it runs.
    wait_until(lambda: one._child is None or one._child.poll() is not None, questions)
    return one.finds_hung()


def test_a_worker_that_answered_and_does_so_no_more_hangs(clock: Clock, watching: Callable[[str], Watch]) -> None:
    one = watching(f"import os; os.path.exists('asked') and exit({HUNG_STATUS}); open('asked', 'w')")
    assert not verdict(clock, one)
    assert verdict(clock, one)
    assert not one.finds_hung()  # which is said once


def test_a_worker_that_loads_its_model_has_time_for_it(clock: Clock, watching: Callable[[str], Watch]) -> None:
    one = watching(f"raise SystemExit({HUNG_STATUS})")
    found = [verdict(clock, one, watch.FIRST_INTERVAL_SECONDS) for _ in range(37)]
    assert found == [False] * 36 + [True]
    one.begin()
    assert not verdict(clock, one)


@pytest.mark.parametrize("does", ["pass", "raise SystemExit(1)", "import os; os.abort()"])
def test_nothing_else_is_blamed_on_the_worker(clock: Clock, watching: Callable[[str], Watch], does: str) -> None:
    one = watching(does)
    clock.now += watch.START_SECONDS
    assert not verdict(clock, one)


def test_a_question_without_end_holds_nobody_up_and_is_given_up(clock: Clock, watching: Callable[[str], Watch]) -> None:
    one = watching("import time; time.sleep(1000)")
    clock.now += watch.START_SECONDS
    one.finds_hung()
    [asked] = questions()
    assert not one.finds_hung()
    assert asked.is_running
    clock.now += 100  # 40 s of patience and 60 s of slack
    assert not one.finds_hung()
    assert not asked.is_running
    one.finds_hung()
    assert questions() == []  # the next question comes after a pause
    clock.now += watch.INTERVAL_SECONDS
    one.finds_hung()
    [asked] = questions()
    one.end()
    assert not asked.is_running


def test_all_workers_are_watched(tmp_path: Path) -> None:
    watched = [name for name in SERVICES if Process(name, {}, tmp_path / "log")._watch is not None]
    assert watched == list(WATCHED) == ["read", "assess", "deliver"]
