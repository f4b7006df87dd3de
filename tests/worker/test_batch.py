"""Threads that ask at once are answered by one call, each with its own answer or its own failure."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from worker import bundle, settings
from worker.batch import Batching
from worker.bundle import starter_folder
from worker.engines import EngineName, Float32, Predictions, choice
from worker.serving import load


class Echo:
    """Answers the image's value as months; holds the first call until it is let go, and fails on a negative value."""

    def __init__(self, *, holds_first: bool = False) -> None:
        self.batches: list[int] = []
        self.is_asked, self.may_go = threading.Event(), threading.Event()
        self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()
        if not holds_first:
            self.may_go.set()

    def warm_up(self) -> None:
        self.batches.append(0)

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.batches.append(len(sex))
        self.is_asked.set()
        assert self.may_go.wait(60)
        with self._lock:
            self._at_once -= 1
        months = image[:, 0, 0, 0]
        if (months < 0).any():
            raise ValueError(f"{len(sex)} with {months.min():.0f}")
        return Predictions(months, months, months + sex, image[..., 0], np.stack([months, sex], axis=1))


def image(*values: float) -> Float32:
    return np.stack([np.full((2, 2, 1), value, np.float32) for value in values])


def asked(batching: Batching, values: Sequence[float], sex: float = 1) -> Predictions:
    return batching.predict(image(*values), np.full(len(values), sex, np.float32))


def waiting(batching: Batching, count: int) -> None:
    """Wait until so many threads wait for whoever asks."""
    with batching._changed:
        assert batching._changed.wait_for(lambda: len(batching._waiting) == count, 60)


def test_who_asks_alone_is_answered_at_once() -> None:
    engine = Echo()
    batching = Batching(engine, 4, wait_seconds=0.0)
    batching.warm_up()
    found = asked(batching, [3.0])
    assert (found.bone_age_months.tolist(), found.bone_age_if_male_months.tolist()) == ([3], [4])
    assert found.stage_probabilities is None
    assert engine.batches == [0, 1]


def test_who_comes_meanwhile_is_answered_together_and_in_order_up_to_the_size() -> None:
    engine = Echo(holds_first=True)
    batching = Batching(engine, 4, wait_seconds=0.0)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(asked, batching, [0.0])
        assert engine.is_asked.wait(60)
        others = []
        for number in range(1, 7):
            others.append(pool.submit(asked, batching, [float(number)], sex=number % 2))
            waiting(batching, number)
        engine.may_go.set()
        assert first.result().bone_age_months.tolist() == [0]
        for number, one in enumerate(others, 1):
            assert one.result().bone_age_months.tolist() == [number]
            assert one.result().embedding.tolist() == [[number, number % 2]]
            assert one.result().heat_map.shape == (1, 2, 2)
    assert engine.batches == [1, 4, 2]
    assert engine.most_at_once == 1


def test_one_that_fails_fails_alone() -> None:
    engine = Echo(holds_first=True)
    batching = Batching(engine, 4, wait_seconds=0.0)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(asked, batching, [0.0])
        assert engine.is_asked.wait(60)
        good = pool.submit(asked, batching, [1.0])
        waiting(batching, 1)
        bad = pool.submit(asked, batching, [-2.0])
        waiting(batching, 2)
        engine.may_go.set()
        first.result()
        assert good.result().bone_age_months.tolist() == [1]
        with pytest.raises(ValueError, match="1 with -2"):
            bad.result()
    assert engine.batches == [1, 2, 1, 1]
    assert asked(batching, [5.0]).bone_age_months.tolist() == [5]


def test_several_radiographs_of_one_thread_stay_together_and_other_shapes_go_by_themselves() -> None:
    engine = Echo(holds_first=True)
    batching = Batching(engine, 3, wait_seconds=0.0)
    with ThreadPoolExecutor(4) as pool:
        pool.submit(asked, batching, [0.0])
        assert engine.is_asked.wait(60)
        pair = pool.submit(asked, batching, [1.0, 2.0])
        waiting(batching, 1)
        another = pool.submit(asked, batching, [3.0, 4.0])
        waiting(batching, 2)
        larger = pool.submit(batching.predict, np.full((1, 4, 4, 1), 9, np.float32), np.zeros(1, np.float32))
        waiting(batching, 3)
        engine.may_go.set()
        assert pair.result().bone_age_months.tolist() == [1, 2]
        assert another.result().bone_age_months.tolist() == [3, 4]
        assert larger.result().heat_map.shape == (1, 4, 4)
    assert engine.batches == [1, 2, 2, 1]


def test_one_thread_s_radiographs_beyond_the_size_are_asked_about_all_the_same() -> None:
    engine = Echo()
    assert asked(Batching(engine, 2, wait_seconds=0.0), [1.0, 2.0, 3.0]).bone_age_months.tolist() == [1, 2, 3]
    assert engine.batches == [3]


def test_the_first_waits_for_others_until_there_are_enough() -> None:
    engine = Echo()
    batching = Batching(engine, 2, wait_seconds=60.0)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked, batching, [1.0])
        waiting(batching, 1)
        second = pool.submit(asked, batching, [2.0])
        assert (first.result().bone_age_months.tolist(), second.result().bone_age_months.tolist()) == ([1], [2])
    assert engine.batches == [2]


def test_many_threads_all_get_their_own_and_one_call_runs_at_a_time() -> None:
    engine = Echo()
    batching = Batching(engine, 5, wait_seconds=0.0)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: asked(batching, [float(number)]), range(2000)))
    assert [float(one.bone_age_months[0]) for one in found] == list(map(float, range(2000)))
    assert engine.most_at_once == 1
    assert max(engine.batches) <= 5
    assert sum(engine.batches) == 2000
    assert threading.active_count() < 16


@pytest.mark.parametrize(("told", "is_on_gpu", "size"), [(None, False, 1), (None, True, 16), ("4", False, 4)])
def test_batches_are_for_gpus_and_whoever_wants_them(
    told: str | None, is_on_gpu: bool, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Echo()
    monkeypatch.setattr(choice, "load", lambda *_: (engine, EngineName.TENSORFLOW))
    monkeypatch.setattr(choice, "is_on_gpu", lambda _: is_on_gpu)
    if told is not None:
        monkeypatch.setenv("CARPUS_BATCH_SIZE", told)
    settings.worker.cache_clear()
    loaded = load(bundle.load(starter_folder())).engine
    settings.worker.cache_clear()
    assert loaded is engine if size == 1 else (type(loaded), loaded._size) == (Batching, size)  # type: ignore[attr-defined]
