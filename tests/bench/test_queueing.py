"""The simulation beside what queueing theory says in closed form, and beside a case worked out by hand."""

from math import factorial

import numpy as np
import pytest

from tests.bench.queueing import Passed, Stage, pass_through

RADIOGRAPHS = 200_000
TOLERANCE = 0.05  # seeds differ by a standard deviation of 1 to 3% at these loads


def _markovian(servers: int, load: float, seed: int = 1) -> Passed:
    """Pass exponential arrivals and services, one a second for each server, at a load of each server."""
    random = np.random.default_rng(seed)
    arrived = np.cumsum(random.exponential(1 / (load * servers), RADIOGRAPHS))
    return pass_through(Stage(servers), arrived, random.exponential(1.0, RADIOGRAPHS))


def _erlang_c(servers: int, load: float) -> float:
    """Return the probability of having to wait in M/M/c (A. K. Erlang, 1917)."""
    offered = servers * load
    waiting = offered**servers / factorial(servers) / (1 - load)
    return waiting / (sum(offered**n / factorial(n) for n in range(servers)) + waiting)


@pytest.mark.parametrize("load", [0.3, 0.6])
def test_one_server_waits_as_long_as_the_closed_form_of_mm1(load: float) -> None:
    passed = _markovian(1, load)
    assert passed.waited.mean() == pytest.approx(load / (1 - load), rel=TOLERANCE)
    assert (passed.ended - passed.arrived).mean() == pytest.approx(1 / (1 - load), rel=TOLERANCE)
    # The whole time is exponential, so 95% of the radiographs are done within three of its means.
    whole_p95 = np.percentile(passed.ended - passed.arrived, 95)
    assert whole_p95 == pytest.approx(-np.log(0.05) / (1 - load), rel=TOLERANCE)


@pytest.mark.parametrize(("servers", "load"), [(2, 0.6), (4, 0.7)])
def test_several_servers_wait_as_erlang_c_says(servers: int, load: float) -> None:
    passed = _markovian(servers, load)
    assert (passed.waited > 0).mean() == pytest.approx(_erlang_c(servers, load), rel=TOLERANCE)
    expected_seconds = _erlang_c(servers, load) / (servers * (1 - load))
    assert passed.waited.mean() == pytest.approx(expected_seconds, rel=TOLERANCE)


def test_erlang_c_of_two_servers_at_half_load_is_a_third() -> None:
    assert _erlang_c(2, 0.5) == pytest.approx(1 / 3)


def test_servers_are_busy_as_much_as_they_are_given_to_do() -> None:
    passed = _markovian(4, 0.8)
    span_seconds = float(passed.arrived[-1])
    assert passed.busy_seconds(0.0, span_seconds) / (4 * span_seconds) == pytest.approx(0.8, rel=TOLERANCE)


def test_batches_take_what_waits_and_no_more_than_they_may() -> None:
    arrived = np.array([0.0, 1.0, 2.0, 3.0, 50.0])
    passed = pass_through(Stage(1, batch=2, call_seconds=8.0), arrived, np.ones(5))
    # The first goes alone until 9, the next two wait for it and go together until 19, the fourth until 28.
    assert passed.began.tolist() == [0.0, 9.0, 9.0, 19.0, 50.0]
    assert passed.ended.tolist() == [9.0, 19.0, 19.0, 28.0, 59.0]
    assert (passed.longest_queue, len(passed.calls)) == (3, 4)
    assert passed.busy_seconds(5.0, 20.0) == 15.0


def test_whoever_came_first_is_begun_first_in_whatever_order_they_are_given() -> None:
    passed = pass_through(Stage(1), np.array([4.0, 0.0, 1.0]), np.array([1.0, 3.0, 2.0]))
    assert passed.began.tolist() == [5.0, 0.0, 3.0]
    assert passed.ended.tolist() == [6.0, 3.0, 5.0]


def test_each_radiograph_ends_once_and_keeps_a_server_for_its_time() -> None:
    random = np.random.default_rng(2)
    seconds = random.exponential(1.0, 5_000)
    for stage in (Stage(1), Stage(3), Stage(2, batch=16)):
        passed = pass_through(stage, random.uniform(0, 5_000, 5_000), seconds)
        assert np.isfinite(passed.ended).all()
        assert (passed.waited >= 0).all()
        assert (passed.ended - passed.began >= seconds - 1e-9).all()
        assert passed.busy_seconds(0.0, np.inf) == pytest.approx(seconds.sum())


def test_nothing_passes_in_no_time() -> None:
    passed = pass_through(Stage(2), np.empty(0), np.empty(0))
    assert (passed.longest_queue, passed.busy_seconds(0.0, 1.0)) == (0, 0.0)
