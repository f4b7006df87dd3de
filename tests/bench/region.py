"""A region of 100 hospitals on one Carpus: how many listeners, reading processes and assess workers it needs.

A simulation of the way of a radiograph, from being sent to its result in SQL, through the three queues. What reading
and assessing take is measured first, on the machine at hand; how many radiographs come, and when, is assumed below.
Each process is taken to have a core of its own, which on one small machine it has not.

References
----------
Slaar et al., The role of plain radiography in paediatric wrist trauma, 2012, doi:10.1007/s13244-012-0181-0: 1,223
children in three Dutch hospitals in two years, so 204 a year and hospital, two projections each.
NHS England, Annual Imaging and Radiodiagnostics Statistics 2013-14: 23.1 million radiographs, of all parts and ages.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from tests.bench.carries import ServiceTimes, service_times
from tests.bench.queueing import Passed, Seconds, Stage, pass_through

# Assumed. Slaar's children make 0.6 frontal wrists a day and hospital; with hands, fingers and bone ages, generously:
HOSPITALS, RADIOGRAPHS_A_DAY = 100, 10
MONDAY = 1.25  # times the mean day
# Outpatients from eight to five, an emergency department into the night; shares of the day by hour.
BY_HOUR = np.array([1, 1, 1, 0, 0, 1, 1, 3, 8, 10, 10, 9, 7, 8, 9, 8, 7, 5, 4, 3, 2, 1, 1, 0], float)
MEDIAN_MB, SPREAD = 10.0, 0.7  # log-normal: one of a hundred has more than 50 MB
BACKLOG_AT_SECONDS = 9 * 3600.0

# Measured by other parts of this bench, on a machine with two cores that did other work, too.
RECEIVE_SECONDS = 1 / 5.7  # `store`: 10 MB, durable when answered
UNBOUND_RECEIVE_SECONDS = 1 / 20.2  # `store`: what pynetdicom takes where the disk costs nothing
TRANSACTION_SECONDS = 1 / 27 / 5  # `carries`: of each step two, to claim and to finish

# Assumed, for no GPU was at hand: a call, each radiograph in it, and cores that prepare beside it.
GPU_CALL_SECONDS, GPU_EACH_SECONDS, GPU_BATCH, GPU_CORES = 0.020, 0.002, 16, 4

# For who simulates without measuring; the README's figures are made from them.
ASSUMED = ServiceTimes(np.array([0.05, 0.06, 0.11]), np.array([0.04, 0.05, 0.09]), np.array([0.02, 0.02, 0.04]))

TARGET_P95_SECONDS = 60.0
DAYS = 5  # with seeds of their own; each figure is that of the worst
DAY_SECONDS, HOUR_SECONDS = 86_400.0, 3_600.0


@dataclass(frozen=True)
class Scenario:
    """What comes on one day.

    Attributes
    ----------
    times
        As many as on a usual Monday.
    backlogs, backlog
        Hospitals that send so many radiographs each at nine, one after the other, over one association each.
    views
        Over how many each answer is averaged.
    """

    name: str
    times: float = 1.0
    backlogs: int = 0
    backlog: int = 2_000
    receive_seconds: float = RECEIVE_SECONDS
    listeners: int = 1
    views: int = 1


class Numbers(NamedTuple):
    """How many of each there are."""

    listeners: int
    read: int
    assess: int


class Outcome(NamedTuple):
    """What came of one day; a stage each for receiving, reading and assessing."""

    sent: Seconds
    whole: Seconds
    stages: tuple[Passed, ...]

    @property
    def p95(self) -> float:
        return float(np.percentile(self.whole, 95))

    def busy(self, servers: Numbers) -> Iterator[float]:
        """Give the share of the busiest hour that the servers of each stage worked."""
        hours = np.arange(0, DAY_SECONDS, HOUR_SECONDS)
        for stage, number in zip(self.stages, servers, strict=True):
            yield max(stage.busy_seconds(hour, hour + HOUR_SECONDS) for hour in hours) / (number * HOUR_SECONDS)


SCENARIOS = (
    Scenario("a Monday"),
    Scenario("ten times as many", times=10),
    Scenario("one sends 2,000 at nine", backlogs=1),
    Scenario("… received by a fast disk", backlogs=1, receive_seconds=UNBOUND_RECEIVE_SECONDS),
    Scenario("… over ten views", backlogs=1, receive_seconds=UNBOUND_RECEIVE_SECONDS, views=10),
    Scenario("ten send 2,000 at nine, to 4 listeners", 1, 10, receive_seconds=UNBOUND_RECEIVE_SECONDS, listeners=4),
)
# As docker-compose.yml starts them: one container of each, of which the reading one has two processes.
COMPOSE = Numbers(1, 2, 1)


def measure() -> Table:
    """Measure reading and assessing, then simulate each scenario as Docker starts Carpus, and with what it needs."""
    return tell(service_times())


def assume() -> Table:
    """Simulate without measuring first, which takes seconds and gives the same table each time."""
    return tell(ASSUMED)


def tell(times: ServiceTimes, scenarios: Iterable[Scenario] = SCENARIOS, days: int = DAYS) -> Table:
    """Return the table of all scenarios."""
    table = Table(title="region, p95 under a minute")
    for column in ("scenario", "engine", "numbers", "busy, %", "p50 s", "p95 s", "p99 s", "longest queue", "over, min"):
        table.add_column(column, no_wrap=column != "scenario")
    for scenario in scenarios:
        as_started = replace(scenario, listeners=COMPOSE.listeners)
        table.add_row(*_row(as_started, "CPU, as started", COMPOSE, _simulator(as_started, times, days)(COMPOSE)))
        for engine, is_gpu in (("CPU", False), ("GPU, assumed", True)):
            simulate = _simulator(scenario, times, days, is_gpu=is_gpu)
            numbers = smallest(simulate, Numbers(scenario.listeners, 1, 1))
            table.add_row(*_row(scenario, engine, numbers, simulate(numbers)))
        table.add_section()
    return table


def smallest(simulate: Callable[[Numbers], list[Outcome]], least: Numbers) -> Numbers:
    """Return numbers with which each day's p95 is under a minute, and none of which can be made smaller alone."""
    numbers = least
    while not _is_enough(outcomes := simulate(numbers)):
        waits = np.max([[np.percentile(stage.waited, 95) for stage in one.stages] for one in outcomes], axis=0)
        numbers = _changed(numbers, int(waits.argmax()), 1)
    for stage in range(len(least)):
        while numbers[stage] > least[stage] and _is_enough(simulate(fewer := _changed(numbers, stage, -1))):
            numbers = fewer
    return numbers


def arrivals(scenario: Scenario, listeners: int, random: np.random.Generator) -> tuple[Seconds, NDArray[np.float64]]:
    """Return when a day's radiographs are sent, and how large they are, (radiographs,) seconds and MB.

    Poisson within each hour. Whoever sends a backlog sends the next once the one before is answered.
    """
    usual = random.poisson(HOSPITALS * RADIOGRAPHS_A_DAY * MONDAY * scenario.times)
    hours = random.choice(len(BY_HOUR), usual, p=BY_HOUR / BY_HOUR.sum())
    sent = (hours + random.random(usual)) * HOUR_SECONDS
    megabytes = MEDIAN_MB * random.lognormal(0.0, SPREAD, usual + scenario.backlogs * scenario.backlog)
    of_backlogs = megabytes[usual:].reshape(scenario.backlogs, scenario.backlog)
    # Senders share the listeners with each other and the others, and one association keeps no more than one busy.
    others = usual * BY_HOUR.max() / BY_HOUR.sum() * megabytes.mean() / MEDIAN_MB / HOUR_SECONDS
    left = 1 - others * scenario.receive_seconds / listeners
    shared = max(1.0, scenario.backlogs / listeners) / left * scenario.receive_seconds / MEDIAN_MB
    answered = np.cumsum(of_backlogs * shared, axis=1)
    later = BACKLOG_AT_SECONDS + answered - of_backlogs * shared
    return np.concatenate([sent, later.ravel()]), megabytes


def _simulator(
    scenario: Scenario, times: ServiceTimes, days: int, *, is_gpu: bool = False
) -> Callable[[Numbers], list[Outcome]]:
    def simulate(numbers: Numbers) -> list[Outcome]:
        return [one_day(scenario, numbers, times, seed, is_gpu=is_gpu) for seed in range(days)]

    return simulate


def one_day(scenario: Scenario, numbers: Numbers, times: ServiceTimes, seed: int, *, is_gpu: bool) -> Outcome:
    """Simulate one day; the same for the same seed."""
    random = np.random.default_rng(seed)
    sent, megabytes = arrivals(scenario, numbers.listeners, random)
    size, step = megabytes / MEDIAN_MB, 2 * TRANSACTION_SECONDS
    received = pass_through(Stage(numbers.listeners), sent, size * scenario.receive_seconds)
    drawn = random.integers(len(times.read), size=len(sent))
    read = pass_through(Stage(numbers.read), received.ended, times.read[drawn] * size + step)
    drawn = random.integers(len(times.predict), size=len(sent))
    if is_gpu:
        each = GPU_EACH_SECONDS * scenario.views + (times.prepare[drawn] + step) / GPU_CORES
        stage = Stage(numbers.assess, GPU_BATCH, GPU_CALL_SECONDS)
    else:
        each, stage = times.prepare[drawn] + times.predict[drawn] * scenario.views + step, Stage(numbers.assess)
    assessed = pass_through(stage, read.ended, each)
    return Outcome(sent, assessed.ended - sent, (received, read, assessed))


def _changed(numbers: Numbers, stage: int, by: int) -> Numbers:
    return Numbers(*(number + by * (stage == at) for at, number in enumerate(numbers)))


def _is_enough(outcomes: Iterable[Outcome]) -> bool:
    return all(one.p95 < TARGET_P95_SECONDS for one in outcomes)


def _row(scenario: Scenario, engine: str, numbers: Numbers, outcomes: list[Outcome]) -> tuple[str, ...]:
    busy = np.max([list(one.busy(numbers)) for one in outcomes], axis=0)
    percentiles = np.max([np.percentile(one.whole, (50, 95, 99)) for one in outcomes], axis=0)
    queue = max(stage.longest_queue for one in outcomes for stage in one.stages)
    over = "–"
    if scenario.backlogs:
        last = max((one.sent + one.whole)[-scenario.backlogs * scenario.backlog :].max() for one in outcomes)
        over = f"{(last - BACKLOG_AT_SECONDS) / 60:.0f}"
    return (
        *(scenario.name, engine, " + ".join(map(str, numbers)), " ".join(f"{100 * share:.0f}" for share in busy)),
        *(f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in percentiles),
        *(f"{queue:,}", over),
    )
