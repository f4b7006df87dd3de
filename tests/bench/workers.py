"""A backlog assessed by one assess worker, and by two on the same cores: radiographs a second, and their waits."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.table import Table

from carpus import processes
from carpus.processes import COMMANDS, LISTENER, Process
from carpus.stack import Ports, Stack
from db.vocabulary import Sex, State
from tests.encodings import eight_bit
from tests.way.running import Way
from training.phantom import draw

RADIOGRAPHS, HANDS, ROUNDS = 300, 20, 3
POLL_SECONDS = 0.1
_WORKERS = {"one": ("assess",), "two": ("assess", "assess-2")}
_SECOND = tuple(word.replace("assess@", "assess-2@") for word in COMMANDS["assess"])


def measure() -> Table:
    """Let one worker and two take backlogs in turns, and print medians."""
    hands = [draw(30 + 8 * seed, Sex.FEMALE, seed).image for seed in range(HANDS)]
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in _WORKERS}
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(processes, "COMMANDS", {**COMMANDS, "assess-2": _SECOND}),
        patch("carpus.stack.wanted", lambda _: (LISTENER, "read")),
        Stack(Path(folder), Ports.free(), print) as stack,
    ):
        for _ in range(ROUNDS):
            for name, workers in _WORKERS.items():
                found[name].append(_taken(stack, workers, hands))
    table = Table("assess workers", "radiographs a second", "waited s, median", "p95", "beside one", title="workers")
    rates = {name: statistics.median(rate for rate, _, _ in rounds) for name, rounds in found.items()}
    for name, rounds in found.items():
        waits = (f"{statistics.median(one[place] for one in rounds) / 1000:.1f}" for place in (1, 2))
        table.add_row(name, f"{rates[name]:.1f}", *waits, f"{rates[name] / rates['one']:.2f}")
    return table


def _taken(stack: Stack, workers: Sequence[str], hands: Sequence[Any]) -> tuple[float, float, float]:
    """Return how many of a backlog a second were assessed, and the median and p95 of their waits in ms."""
    way = Way(stack)
    before = way.sql("SELECT coalesce(max(id), 0) AS id FROM radiograph")[0]["id"]
    for _ in range(RADIOGRAPHS // HANDS):
        way.send([eight_bit(hand) for hand in hands])
    _wait_for(way, before, State.READ)
    running = [Process(name, stack.environment(), stack.logs / f"{name}.log") for name in workers]
    try:
        for process in running:
            process.start()
        _wait_for(way, before, State.COMPLETED)
    finally:
        for process in running:
            process.stop()
    rows = way.sql(
        "SELECT extract(EPOCH FROM assessed_at)::float AS at, queue_ms FROM result WHERE radiograph_id > %s", before
    )
    ends = sorted(row["at"] for row in rows)
    first = len(ends) // 4  # by when all workers have started
    median, p95 = np.percentile([row["queue_ms"] for row in rows], (50, 95))
    return (len(ends) - 1 - first) / (ends[-1] - ends[first]), float(median), float(p95)


def _wait_for(way: Way, before: int, state: State) -> None:
    """Wait until all radiographs after one are in a state."""
    query = "SELECT count(*) AS n FROM radiograph WHERE id > %s AND state = %s"
    while way.sql(query, before, state)[0]["n"] < RADIOGRAPHS:
        time.sleep(POLL_SECONDS)
