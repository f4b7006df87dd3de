"""What died is started again, with longer and longer pauses; the clock is the test's own."""

from pathlib import Path
from typing import NoReturn

import pytest
import redis

from carpus import supervise
from carpus.supervise import StackError, Supervisor


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class FakeMember:
    def __init__(self, name: str, log: Path, events: list[str]) -> None:
        self.name, self.log, self.events, self.is_alive = name, log, events, False
        self.answers, self.hangs = True, False

    def launch(self) -> None:
        self.is_alive = True
        self.events.append(f"start {self.name}")

    def is_ready(self) -> bool:
        return self.answers

    def is_hung(self) -> bool:
        return self.hangs

    def ask_to_stop(self) -> None:
        self.events.append(f"ask {self.name}")

    def stop(self) -> None:
        self.events.append(f"stop {self.name}")

    def kill(self) -> None:
        self.is_alive = False
        self.events.append(f"kill {self.name}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(supervise, "time", made)
    return made


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
def member(tmp_path: Path, events: list[str]) -> FakeMember:
    (tmp_path / "log").write_text("all was well\nno it was not\n")
    return FakeMember("read", tmp_path / "log", events)


def test_a_dead_member_is_started_again_after_pauses_that_double_up_to_half_a_minute(
    clock: Clock, member: FakeMember, events: list[str]
) -> None:
    supervisor = Supervisor(lambda line: None)
    supervisor.start(member)
    for pause in (1, 2, 4, 8, 16, 30, 30):
        member.is_alive = False
        supervisor.look_after()
        events.clear()
        clock.now += pause - 0.01
        supervisor.look_after()
        assert events == []
        clock.now += 0.02
        supervisor.look_after()
        assert events == ["start read"]


def test_one_that_ran_for_over_a_minute_begins_with_the_shortest_pause(clock: Clock, member: FakeMember) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.start(member)
    for _ in range(3):
        clock.now += 61
        supervisor.look_after()
        member.is_alive = False
        supervisor.look_after()
        clock.now += 1
        supervisor.look_after()
    assert [line.partition("; ")[2] for line in said] == ["starting it again in 1 s"] * 3


def test_a_death_is_said_with_its_last_words_and_log(clock: Clock, member: FakeMember) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.start(member)
    member.is_alive = False
    supervisor.look_after()
    expected = f"read ended unasked: all was well / no it was not (log: {member.log}); starting it again in 1 s"
    assert said == [expected]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), redis.ResponseError("MISCONF"), KeyError()])
def test_one_that_cannot_be_started_again_is_said_and_tried_once_more(
    clock: Clock, member: FakeMember, events: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> NoReturn:
        raise error

    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.start(member)
    member.is_alive = False
    supervisor.look_after()
    clock.now += 1
    with monkeypatch.context() as patch:
        patch.setattr(member, "launch", fail)
        supervisor.look_after()
    assert said[-1] == f"read cannot be started: {error or 'KeyError'}"
    supervisor.look_after()
    clock.now += 2
    supervisor.look_after()
    assert events == ["start read"] * 2


def test_one_that_died_ten_thousand_times_is_still_started_again(
    clock: Clock, member: FakeMember, events: list[str]
) -> None:
    supervisor = Supervisor(lambda line: None)
    supervisor.start(member)
    for _ in range(10_000):
        member.is_alive = False
        supervisor.look_after()
        clock.now += 30
        supervisor.look_after()
    assert len(events) == 10_001


def test_one_that_hangs_is_killed_and_started_again(clock: Clock, member: FakeMember, events: list[str]) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.start(member)
    supervisor.look_after()
    member.hangs = True
    supervisor.look_after()
    member.hangs = False
    assert "read did not answer and was killed: all was well" in said[0]
    clock.now += 1
    supervisor.look_after()
    assert events == ["start read", "kill read", "start read"]


def test_one_that_recovers_is_left_alone_however_long_said_and_holds_up_nobody_elses_care(
    clock: Clock, tmp_path: Path, member: FakeMember, events: list[str]
) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    other = FakeMember("flower", tmp_path / "none", events)
    for one in (member, other):
        supervisor.start(one)
    member.is_alive = other.is_alive = False
    supervisor.look_after()
    member.answers = False
    events.clear()
    said.clear()
    for _ in range(600):
        clock.now += 1
        supervisor.look_after()
    assert events == ["start read", "start flower"]
    assert len(said) == 59
    assert said[0] == "read does not answer yet after 10 s: all was well / no it was not; waiting"
    member.answers = True
    clock.now += 1
    supervisor.look_after()
    member.answers = False  # which nobody asks any more
    clock.now += 60
    supervisor.look_after()
    assert len(said) == 59


def test_a_start_waits_as_long_as_the_member_lives_and_fails_when_it_ends(
    clock: Clock, member: FakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    member.answers = False

    def sleep(seconds: float) -> None:
        clock.now += 1
        member.is_alive = clock.now < 1120

    monkeypatch.setattr(clock, "sleep", sleep, raising=False)
    with pytest.raises(StackError, match="read did not start: all was well / no it was not"):
        supervisor.start(member)
    assert len(said) == 11


def test_one_that_dies_too_often_is_given_up(clock: Clock, member: FakeMember) -> None:
    supervisor = Supervisor(lambda line: None, most_deaths=1)
    supervisor.start(member)
    member.is_alive = False
    supervisor.look_after()
    clock.now += 1
    supervisor.look_after()
    member.is_alive = False
    with pytest.raises(StackError, match="read ended unasked: all was well / no it was not"):
        supervisor.look_after()


def test_all_are_asked_to_stop_before_any_is_waited_for_and_the_first_started_ends_last(
    clock: Clock, tmp_path: Path, events: list[str]
) -> None:
    supervisor = Supervisor(lambda line: None)
    for name in ("postgres", "read"):
        supervisor.start(FakeMember(name, tmp_path, events))
    events.clear()
    supervisor.stop()
    assert events == ["ask read", "ask postgres", "stop read", "stop postgres"]


def test_logs_are_looked_at_every_ten_seconds(
    clock: Clock, member: FakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[float] = []
    monkeypatch.setattr(supervise, "cut", lambda log: cut.append(clock.now))
    supervisor = Supervisor(lambda line: None)
    supervisor.start(member)
    for _ in range(5):
        supervisor.look_after()
        clock.now += 4
    assert cut == [1000, 1012]
