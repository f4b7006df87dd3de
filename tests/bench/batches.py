"""Threads that share an engine: each calling it by itself, and in micro-batches; medians of interleaved rounds."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter

import numpy as np
from rich.table import Table

from worker import bundle
from worker.batch import Batching
from worker.engines import Engine, EngineName, choice

THREADS = (1, 2, 4, 8)
RADIOGRAPHS, ROUNDS, SIZE = 48, 3, 8


def measure() -> Table:
    """Ask the starter's engines from several threads and print how many radiographs a second that makes."""
    starter = bundle.load(bundle.starter_folder())
    shape = (1, starter.card.preprocessing.rows, starter.card.preprocessing.columns, 1)
    image = np.random.default_rng(0).random(shape, np.float32)
    told = Table("engine", "threads", "each by itself, a second", "in batches", "ratio", title="batches")
    for name in EngineName:
        engine, _ = choice.load(starter, name)
        engine.warm_up()
        shared = Batching(engine, SIZE, wait_seconds=0.0)
        for threads in THREADS:
            alone, together = _rates(threads, image, engine, shared)
            told.add_row(name, str(threads), f"{alone:.0f}", f"{together:.0f}", f"{together / alone:.2f}")
    return told


def _rates(threads: int, image: np.ndarray, *engines: Engine) -> list[float]:
    rounds = [[_rate(threads, image, engine.predict) for engine in engines] for _ in range(ROUNDS)]
    return [median(one) for one in zip(*rounds, strict=True)]


def _rate(threads: int, image: np.ndarray, predict: Callable[..., object]) -> float:
    sex = np.ones(1, np.float32)
    with ThreadPoolExecutor(threads) as pool:
        started = perf_counter()
        list(pool.map(lambda _: predict(image, sex), range(RADIOGRAPHS)))
        return RADIOGRAPHS / (perf_counter() - started)
