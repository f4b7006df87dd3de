"""What one reading process, one assess worker, Redis and PostgreSQL carry, each by itself; `store` has the listener.

The pieces that the processes call, on drawn hands in objects of 10 MB, without the processes. The servers are the
embedded ones, at the settings of ``carpus up``. ``tests/bench/region.py`` simulates with the same numbers.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import redis
from numpy.typing import NDArray
from pydicom import Dataset
from rich.table import Table

from carpus import embedded, ports
from db import migrate, states, steps
from db.session import transaction
from db.tables import Radiograph
from db.vocabulary import Sex
from tests.conftest import Servers, forget_process_state
from tests.objects import as_file, hand_radiograph
from tests.rows import add_radiograph
from training.phantom import draw
from worker import bundle, serving
from worker import radiograph as standard
from worker.app import enqueue
from worker.assess import find
from worker.read import read
from worker.record import record

HANDS, ROUNDS = 25, 2
SIDE_PIXELS = 2236  # squared, times two bytes: 10 MB
MESSAGES, ROWS = 1_000, 200
CONNECTIONS = (1, 4)

Samples = NDArray[np.float64]


class ServiceTimes(NamedTuple):
    """Seconds of each of some radiographs of 10 MB; (radiographs,) each.

    Attributes
    ----------
    read
        From the stored object to the standard radiograph, written durably.
    prepare
        What assessing takes beside the network.
    predict
        The network, over one view.
    """

    read: Samples
    prepare: Samples
    predict: Samples


def measure() -> Table:
    """Do each thing again and again and print how often it is done in a second."""
    times = service_times()
    assess = times.prepare + times.predict
    table = Table("one of", "does", "a second", "median ms", "p95 ms", title="carries")
    for name, does, took in (
        ("reading process", "radiographs of 10 MB, read", times.read),
        ("assess worker", "radiographs, assessed one by one", assess),
        ("assess worker", "the network alone", times.predict),
    ):
        median, p95 = (f"{1000 * value:.1f}" for value in np.percentile(took, (50, 95)))
        table.add_row(name, does, f"{1 / took.mean():.1f}", median, p95)
    with servers() as running:
        table.add_row("Redis", "messages, published by one process", f"{_published(running):,.0f}")
        table.add_row("Redis", "LPUSH, one client that waits for each", f"{_pushed(running):,.0f}")
        for connections in CONNECTIONS:
            does = f"radiographs' rows from received to result, {connections} connection(s)"
            table.add_row("PostgreSQL", does, f"{_recorded(connections):.0f}")
    return table


def service_times() -> ServiceTimes:
    """Read and assess drawn hands, each several times, on the engine that a worker on this machine would use."""
    active = serving.load(bundle.load(bundle.starter_folder()))
    row = Radiograph(patient_sex=Sex.FEMALE, laterality="L", view_position="PA")
    took: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        path, kept, incoming = (Path(folder) / name for name in ("object.dcm", "standard.npy", "incoming"))
        for seed in range(HANDS):
            as_file(radiograph_of_10_mb(seed), path)
            for _ in range(ROUNDS):
                started = perf_counter()
                digest = standard.save(read(path), kept, incoming)
                was_read = perf_counter()
                found = find(row, standard.load(kept, digest), active)
                whole = perf_counter() - was_read
                network = found.timings.predict_ms / 1000
                took.append((was_read - started, whole - network, network))
    return ServiceTimes(*np.array(took).T)


def radiograph_of_10_mb(seed: int) -> Dataset:
    """Return a drawn hand as a 10 MB object, 12 of 16 bits."""
    drawn = draw(24 + 8 * seed, Sex.FEMALE, seed).image
    large = cv2.resize(drawn >> 4, (SIDE_PIXELS, SIDE_PIXELS), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(large, 0, 4095).astype("<u2")
    return hand_radiograph(Rows=SIDE_PIXELS, Columns=SIDE_PIXELS, PixelData=pixels.tobytes())


@contextmanager
def servers() -> Iterator[Servers]:
    """Run a database and a broker as `carpus up` does, and join this process to them for the block."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o755)  # the server is another user where we are root
        both = Servers(
            embedded.Postgres(Path(folder) / "postgres", ports.free_port()),
            embedded.Redis(Path(folder) / "redis", ports.free_port()),
        )
        started = (both.postgres, both.redis)
        try:
            for server in started:
                server.start()
            patch.setenv("CARPUS_DATABASE_URL", both.database_url)
            patch.setenv("CARPUS_BROKER_URL", both.broker_url)
            patch.setenv("CARPUS_STORE", folder)
            forget_process_state()
            migrate.upgrade()
            yield both
        finally:
            forget_process_state()
            for server in started:
                server.stop()


def _rate(number: int, do: Callable[[int], object], threads: int = 1) -> float:
    """Return how often a second something was done, by so many threads; the first time is not counted."""
    do(0)
    with ThreadPoolExecutor(threads) as pool:
        started = perf_counter()
        list(pool.map(do, range(1, number + 1)))
        return number / (perf_counter() - started)


def _published(_: Servers) -> float:
    return _rate(MESSAGES, lambda number: enqueue(steps.READ.queue, number))


def _pushed(running: Servers) -> float:
    with redis.Redis.from_url(running.broker_url) as client:
        return _rate(10 * MESSAGES, lambda _: client.lpush("bench", b"x" * 500))  # about as long as a message


def _recorded(connections: int) -> float:
    """Return for how many radiographs a second all rows are written, each by transactions one after another."""
    active = serving.load(bundle.load(bundle.starter_folder()))
    seen = Radiograph(patient_sex=Sex.FEMALE, laterality="L", view_position="PA")
    found = find(seen, (draw(94, Sex.FEMALE, 0).image), active)

    def whole_way(number: int) -> None:
        with transaction() as session:
            row = add_radiograph(session, f"1.2.{connections}.{number}", patient_sex=Sex.FEMALE, laterality="L")
        with transaction() as session:
            claim = states.claim(session, row, steps.READ, 60)
        assert claim is not None
        with transaction() as session:
            states.finish(session, claim, standard_path="standard/1.npy", standard_sha256="0" * 64, read_ms=1.0)
        with transaction() as session:
            claim = states.claim(session, row, steps.ASSESS, 60)
        assert claim is not None
        record(claim, active, found)

    return _rate(ROWS, whole_way, connections)
