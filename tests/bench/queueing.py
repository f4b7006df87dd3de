"""Radiographs through a stage with servers and one queue, first come first served: when each was begun and done.

Stages stand in a row and nothing comes back, so one pass over the radiographs in the order of their arrival is the
whole simulation of a stage, with a heap of the times at which its servers are free: exact, and too little to take a
library for. The closed forms that it is held against are in ``tests/bench/test_queueing.py``.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Stage:
    """Servers of one queue.

    Attributes
    ----------
    servers
        How many work at once.
    batch
        Most radiographs that one takes at once, of those that wait when it is free.
    call_seconds
        What each taking costs beside the radiographs' own times.
    """

    servers: int
    batch: int = 1
    call_seconds: float = 0.0


@dataclass(frozen=True)
class Passed:
    """What became of the radiographs in a stage.

    Attributes
    ----------
    arrived, began, ended
        (radiographs,) seconds, in the order in which they were given.
    calls
        (calls, 2) seconds: when a server began and ended.
    """

    arrived: Seconds
    began: Seconds
    ended: Seconds
    calls: Seconds

    @property
    def waited(self) -> Seconds:
        """How long each radiograph waited, (radiographs,) seconds."""
        return self.began - self.arrived

    @property
    def longest_queue(self) -> int:
        """How many waited at most."""
        arrived, began = np.sort(self.arrived), np.sort(self.began)
        waiting = np.arange(1, len(arrived) + 1) - np.searchsorted(began, arrived, side="right")
        return int(waiting.max(initial=0))

    def busy_seconds(self, start: float, end: float) -> float:
        """Return how long the servers worked between two times, all together."""
        begin, finish = np.clip(self.calls, start, end).T
        return float((finish - begin).sum())


def pass_through(stage: Stage, arrived: Seconds, seconds: Seconds) -> Passed:
    """Let radiographs pass a stage.

    Parameters
    ----------
    stage
        The stage.
    arrived
        (radiographs,) seconds, in any order. Not changed.
    seconds
        (radiographs,): how long each keeps a server. Not changed.
    """
    order = np.argsort(arrived, kind="stable")
    in_order, sizes = arrived[order].tolist(), seconds[order].tolist()
    began, ended = np.empty(len(order)), np.empty(len(order))
    free, calls = [float("-inf")] * stage.servers, []
    first = 0
    while first < len(order):
        start = max(heapq.heappop(free), in_order[first])
        last = first + 1
        while last < min(first + stage.batch, len(order)) and in_order[last] <= start:
            last += 1
        end = start + stage.call_seconds + sum(sizes[first:last])
        heapq.heappush(free, end)
        began[order[first:last]], ended[order[first:last]] = start, end
        calls.append((start, end))
        first = last
    return Passed(arrived, began, ended, np.array(calls).reshape(-1, 2))
