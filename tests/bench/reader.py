"""``python -m tests.bench.reader WORK FILE FOLDER``: time one work again and again, in a process of its own.

So reading is timed as the read worker does it. Of ten megabytes that a process asks for, most of the cost is in what it
did before: whether it still has that much memory from the system, or has given it back.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest import mock

import pydicom

from worker import radiograph
from worker import read as reading

WARM, ROUNDS = 3, 7
# The parts of `read`, under the names by which it calls them.
PARTS = {
    "open_stored_object": "parse",
    "decode": "decode",
    "grey_table": "grey table",
    "shrink": "look up, shrink",
}
Times = dict[str, list[float]]


def main(work: str, path: Path, folder: Path) -> None:
    """Print the milliseconds of each round, by part, as JSON."""
    times: Times = defaultdict(list)
    works: dict[str, Callable[[], None]] = {
        "bare array": lambda: _bare_array(path, times),
        "read": lambda: _read(path, folder, times),
    }
    with _parts_timed(times):
        for _ in range(WARM):
            works[work]()
        times.clear()
        for _ in range(ROUNDS):
            works[work]()
    sys.stdout.write(json.dumps(times))


def _bare_array(path: Path, times: Times) -> None:
    with _timed("bare array", times):
        assert pydicom.dcmread(path).pixel_array.size


def _read(path: Path, folder: Path, times: Times) -> None:
    with _timed("read", times):
        standard = reading.read(path)
    with _timed("write", times):
        radiograph.save(standard, folder / "standard.npy", folder / "incoming")


@contextmanager
def _timed(part: str, times: Times) -> Iterator[None]:
    started = perf_counter()
    yield
    times[part].append(1000 * (perf_counter() - started))


@contextmanager
def _parts_timed(times: Times) -> Iterator[None]:
    with ExitStack() as stack:
        for name, part in PARTS.items():
            stack.enter_context(mock.patch.object(reading, name, _timing(getattr(reading, name), part, times)))
        yield


def _timing(function: Any, part: str, times: Times) -> Any:
    def timed(*arguments: Any) -> Any:
        with _timed(part, times):
            return function(*arguments)

    return timed


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
