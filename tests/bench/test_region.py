"""The simulated region: who comes when, the same for the same seed, and the smallest numbers that are enough."""

import numpy as np
import pytest

from tests.bench import region
from tests.bench.region import ASSUMED, COMPOSE, Numbers, Scenario

BACKLOG = Scenario("a backlog", backlogs=2, backlog=300, receive_seconds=0.05)


def test_a_day_has_as_many_radiographs_as_its_hospitals_send_and_none_at_four_at_night() -> None:
    sent, megabytes = region.arrivals(Scenario("many", times=100), 1, np.random.default_rng(0))
    assert len(sent) == len(megabytes) == pytest.approx(100 * 100 * 10 * 1.25, rel=0.02)
    by_hour = np.bincount((sent // 3600).astype(int), minlength=24)
    assert by_hour[4] == 0
    assert by_hour[9] / len(sent) == pytest.approx(region.BY_HOUR[9] / region.BY_HOUR.sum(), rel=0.05)
    assert np.median(megabytes) == pytest.approx(10, rel=0.02)


def test_a_backlog_is_sent_one_after_the_other_by_each_hospital() -> None:
    sent, megabytes = region.arrivals(BACKLOG, 2, np.random.default_rng(0))
    assert len(sent) == len(megabytes)
    of_one = sent[-300:]
    assert of_one[0] == 9 * 3600
    # A listener for each sender: at least what receiving one of that size takes lies between two.
    assert (np.diff(of_one) >= megabytes[-300:-1] / 10 * 0.05 - 1e-6).all()


@pytest.mark.parametrize("is_gpu", [False, True])
def test_every_radiograph_passes_all_stages_in_order_and_ends_once(is_gpu: bool) -> None:
    found = region.one_day(BACKLOG, COMPOSE, ASSUMED, 0, is_gpu=is_gpu)
    received, read, assessed = found.stages
    assert len(found.sent) == len(found.whole) > 600
    assert (found.whole > 0).all()
    for before, after in ((received, read), (read, assessed)):
        np.testing.assert_array_equal(before.ended, after.arrived)
    np.testing.assert_allclose(assessed.ended, found.sent + found.whole)


def test_the_same_seed_is_the_same_day() -> None:
    first, again, other = (region.one_day(BACKLOG, COMPOSE, ASSUMED, seed, is_gpu=False) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.whole, again.whole)
    assert len(first.whole) != len(other.whole) or (first.whole != other.whole).any()


def test_the_smallest_numbers_are_enough_and_one_fewer_is_not() -> None:
    slow = Scenario("slow", backlogs=1, receive_seconds=0.01, views=10)

    def simulate(numbers: Numbers) -> list[region.Outcome]:
        return [region.one_day(slow, numbers, ASSUMED, 0, is_gpu=False)]

    numbers = region.smallest(simulate, Numbers(1, 1, 1))
    assert simulate(numbers)[0].p95 < 60
    assert numbers.read > 1
    assert numbers.assess > 1
    for fewer in (numbers._replace(read=numbers.read - 1), numbers._replace(assess=numbers.assess - 1)):
        assert simulate(fewer)[0].p95 >= 60


def test_the_table_has_each_scenario_as_started_and_with_what_it_needs() -> None:
    assert region.tell(ASSUMED, (Scenario("a Monday"),), days=1).row_count == 3
