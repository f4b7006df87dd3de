"""Reports and pictures on their way to two archives: each has all in the end, as SQL says, under one UID one content.

The faults come to the worker, its servers and the first archive; the second must never wait for the first.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import redis
from pydicom import Dataset

from carpus.processes import stop_seconds
from tests.faults.archives import FIRST, SECOND
from tests.faults.clock import another_clock, jump
from tests.faults.objects import radiographs, sent_again
from tests.faults.trial import Plant, Trial, some

pytestmark = [
    pytest.mark.timeout(1800),
    # The archive's thread that reports a commitment finds its association ended, and a refused one leaves its socket.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
WORKER = "deliver"
POINTS = {
    "deliver_claimed": "before sending",
    "deliver_stored": "before noting that an object was stored",
    "deliver_noted": "between two objects",
}
HANGS = {"and answers nothing": 0, "in the middle of an object": 100_000}  # after so many bytes
DAYS = {0: "a minute", 1 / 24: "an hour by the database's clock", 6: "six days by the database's clock"}
OUT_OF_RESOURCES = 0xA700
OBJECT_BYTES = 4_700_000  # of a picture
DAY_SECONDS = 86_400.0


def _away_seconds(plant: Plant) -> float:
    return 60.0 if plant.is_long else 3.0


@pytest.mark.parametrize("point", some(POINTS, in_short=[]))  # a dead worker's claim lapses after 100 s
def test_the_deliver_worker_is_killed(delivering: Plant, point: str) -> None:
    worker = delivering.stack.processes[WORKER]
    with delivering.trial(f"d0{list(POINTS).index(point)}", f"deliver worker killed {POINTS[point]}") as trial:
        for _ in range(delivering.rounds(short=1, long=2)):
            delivering.arm(point)
            with trial.sending(4):
                delivering.wait_until_dead(worker, point)
                worker.start()
                trial.fault_is_over()
            trial.recover()


@pytest.mark.long
def test_the_deliver_worker_is_told_to_stop_in_full_work(delivering: Plant) -> None:
    def stop() -> None:
        worker, began = delivering.stack.processes[WORKER], time.monotonic()
        worker.stop()
        assert time.monotonic() - began < stop_seconds(WORKER), "it was ended by force"
        worker.start()

    _try_in_full_work(delivering, "d10", "deliver told to stop in full work (SIGTERM), started again", stop, 5)


@pytest.mark.long
def test_postgresql_is_killed_while_results_are_sent(delivering: Plant) -> None:
    kill = delivering.stack.postgres.kill
    _try_in_full_work(delivering, "d11", "PostgreSQL killed while results are sent to archives", kill, 3)


@pytest.mark.long
def test_redis_is_emptied_while_results_wait(delivering: Plant) -> None:
    def flush() -> None:
        with redis.Redis.from_url(delivering.stack.redis.url) as client:
            client.flushall()

    _try_in_full_work(delivering, "d12", "Redis emptied (FLUSHALL) while results wait for archives", flush, 5)


@pytest.mark.parametrize("days", some(DAYS, in_short=[]))
def test_an_archive_is_away_and_nothing_ages_out(delivering: Plant, days: float) -> None:
    first = delivering.archives[FIRST].front
    with (
        another_clock(delivering),
        delivering.trial(f"d2{list(DAYS).index(days)}", f"archive away for {DAYS[days]}") as trial,
    ):
        with trial.sending(20, senders=4), first.away():
            delivering.pause(_away_seconds(delivering) / 2)
            jump(delivering, days * DAY_SECONDS)
            delivering.pause(_away_seconds(delivering) / 2)
            _expect_that_only_one_waits(delivering, trial)
        trial.fault_is_over()
        trial.recover()


@pytest.mark.parametrize("how", some(HANGS, in_short=[]))
def test_an_archive_hangs_and_the_other_does_not_wait_for_it(delivering: Plant, how: str) -> None:
    first = delivering.archives[FIRST].front
    with delivering.trial(f"d3{list(HANGS).index(how)}", f"archive hangs for a minute {how}") as trial:
        with trial.sending(40, senders=4), first.hanging(after_bytes=HANGS[how]):
            delivering.pause(_away_seconds(delivering))
            _expect_that_only_one_waits(delivering, trial)
        trial.fault_is_over()
        trial.recover()


def test_an_archive_refuses_and_then_takes(delivering: Plant) -> None:
    pacs = delivering.archives[FIRST].pacs
    with delivering.trial("d40", "archive refuses objects (0xA700), then takes them") as trial:
        trial.rounds = delivering.rounds(short=2, long=20)
        pacs.statuses += [OUT_OF_RESOURCES, 0] * trial.rounds
        _send_until(delivering, trial, lambda: not pacs.statuses)


def test_an_archive_cuts_associations_in_the_middle_of_an_object(delivering: Plant) -> None:
    front = delivering.archives[FIRST].front
    with delivering.trial("d41", "archive cuts associations in the middle of an object") as trial:
        for _ in range(delivering.rounds(short=1, long=10)):
            front.cuts_after_bytes += [delivering.chance.randrange(OBJECT_BYTES), 5_000]  # of a picture, of a report
        trial.rounds = len(front.cuts_after_bytes)
        _send_until(delivering, trial, lambda: not front.cuts_after_bytes)


@pytest.mark.long
def test_radiographs_are_corrected_while_an_archive_is_away(delivering: Plant) -> None:
    with delivering.trial("d50", "radiographs corrected while an archive is away") as trial:
        for _ in range(delivering.rounds(short=1, long=5)):
            with delivering.archives[FIRST].front.away():
                sent = radiographs(4)
                _send_to_the_second(trial, sent)
                _correct(trial, sent)
            trial.fault_is_over()
            trial.recover()
    with delivering.database() as connection:
        states = connection.execute("SELECT DISTINCT state FROM delivery WHERE destination = %s", [FIRST]).fetchall()
    assert ("WITHDRAWN",) in states


@pytest.mark.long
def test_the_clock_is_set_back_while_results_wait(delivering: Plant) -> None:
    name = "database's clock set an hour back while results wait for an archive"
    with another_clock(delivering), delivering.trial("d60", name) as trial:
        for _ in range(delivering.rounds(short=1, long=2)):
            with delivering.archives[FIRST].front.away():
                _send_to_the_second(trial, radiographs(20))
                jump(delivering, -DAY_SECONDS / 24)
            trial.fault_is_over()
            trial.recover()


def _send_to_the_second(trial: Trial, objects: Sequence[Dataset]) -> None:
    with trial.sending(len(objects), objects=objects):
        pass
    trial.wait_for_ends()
    trial.wait_for_deliveries(SECOND)


def _correct(trial: Trial, sent: Sequence[Dataset]) -> None:
    corrected = [sent_again(data_set, PatientSex="M") for data_set in sent]
    trial.ledger.corrected |= {str(data_set.SOPInstanceUID) for data_set in corrected}
    _send_to_the_second(trial, corrected)


def _send_until(plant: Plant, trial: Trial, is_over: Callable[[], bool]) -> None:
    """Send what an archive has its faults with, which are over when they are used up."""
    with trial.sending(plant.rounds(short=4, long=20), senders=4):
        plant.wait_until(is_over, "the archive has done all it was told to")
    trial.over_at = time.monotonic()
    trial.recover()


def _expect_that_only_one_waits(plant: Plant, trial: Trial) -> None:
    """Expect that the second archive gets everything while the first takes nothing."""
    trial.wait_for_ends()
    trial.wait_for_deliveries(SECOND)
    with plant.database() as connection:
        assert trial.ledger.undelivered(connection, FIRST) > 0


def _try_in_full_work(plant: Plant, order: str, name: str, fault: Callable[[], None], rounds: int) -> None:
    with plant.trial(order, name) as trial:
        for _ in range(plant.rounds(1, rounds)):
            with _in_full_work(plant, trial):
                fault()
                trial.fault_is_over()
            trial.recover()


@contextmanager
def _in_full_work(plant: Plant, trial: Trial) -> Iterator[None]:
    """Let results wait till the worker starts; the block begins when it has sent a few, and the most wait still."""
    with plant.without(WORKER):
        with trial.sending(20, senders=4):
            pass
        trial.wait_for_ends()
    with plant.database() as connection:
        waiting = trial.ledger.undelivered(connection)
        plant.wait_until(lambda: trial.ledger.undelivered(connection) < 0.9 * waiting, "the worker sends")
    yield
