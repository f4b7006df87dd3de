"""Images stored over one association, beside what this disk does with the same bytes and no network."""

import os
import tempfile
from io import BytesIO
from pathlib import Path
from time import perf_counter

import numpy as np
from pydicom import Dataset
from rich.table import Table

from carpus.stack import Ports, Stack
from tests.objects import hand_radiograph
from tests.way.running import Way

IMAGES = 30
SIDE_PIXELS = 2236  # squared, times two bytes: 10 MB


def measure() -> Table:
    """Send images of 10 MB and print how many were stored in a second."""
    objects = [_image(seed) for seed in range(IMAGES)]
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), Ports.free(), print) as stack:
        written_per_second = IMAGES / _time_to_write(stack.store, objects)
        way = Way(stack)
        way.send(objects[:1])
        started = perf_counter()
        way.send(objects[1:])
        stored_per_second = (IMAGES - 1) / (perf_counter() - started)
    table = Table("10 MB images, one association", "per second", "ratio", title="store")
    table.add_row("write and fsync, no network", f"{written_per_second:.1f}", "1.00")
    ratio = stored_per_second / written_per_second
    table.add_row("C-STORE answered, durable, workers running", f"{stored_per_second:.1f}", f"{ratio:.2f}")
    return table


def _image(seed: int) -> Dataset:
    pixels = np.random.default_rng(seed).integers(0, 4096, (SIDE_PIXELS, SIDE_PIXELS), np.uint16)
    # A foot is stored and registered, and not read: this measures the listener alone.
    return hand_radiograph(BodyPartExamined="FOOT", Rows=SIDE_PIXELS, Columns=SIDE_PIXELS, PixelData=pixels.tobytes())


def _time_to_write(folder: Path, objects: list[Dataset]) -> float:
    contents = [BytesIO(data_set.PixelData).getbuffer() for data_set in objects]
    started = perf_counter()
    for content in contents:
        path = folder / "written"
        with path.open("wb") as file:
            file.write(content)
            os.fsync(file.fileno())
        path.unlink()
    return perf_counter() - started
