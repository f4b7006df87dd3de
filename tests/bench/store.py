"""Images stored over one association, beside a receiver that keeps nothing and a disk without a network.

The sender is pynetdicom on the same machine, so the receiver that keeps nothing shows what it and the network cost.
"""

import os
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
from pydicom import Dataset
from rich.table import Table

from carpus import ports
from carpus.stack import Ports, Stack
from tests.objects import hand_radiograph
from tests.way.running import POLL_SECONDS, as_sent, send

IMAGES = 30
SIDE_PIXELS = 2236  # squared, times two bytes: 10 MB


def measure() -> Table:
    """Send images of 10 MB and print how many were stored in a second."""
    objects = as_sent([_image(seed) for seed in range(IMAGES)])
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), Ports.free(), print) as stack:
        rates = {
            "write and fsync, no network": IMAGES / _time_to_write(stack.store, objects),
            "C-STORE to pynetdicom's storescp, nothing kept": _rate_of_one_that_keeps_nothing(objects),
            "C-STORE to Carpus, durable when answered": _rate(stack.ports.listener, objects),
        }
    table = Table("10 MB images, one association", "per second", "ratio", title="store")
    slowest_possible = min(list(rates.values())[:2])
    for name, rate in rates.items():
        table.add_row(name, f"{rate:.1f}", f"{rate / slowest_possible:.2f}")
    return table


def _rate(port: int, objects: list[Dataset]) -> float:
    send(objects[:1], port)  # whatever is slow the first time
    started = perf_counter()
    send(objects[1:], port)
    return (len(objects) - 1) / (perf_counter() - started)


def _rate_of_one_that_keeps_nothing(objects: list[Dataset]) -> float:
    port = ports.free_port()
    command = [sys.executable, "-m", "pynetdicom", "storescp", str(port), "--ignore", "--bind-address", ports.LOOPBACK]
    command += ["--ae-title", "CARPUS", "--max-pdu", "131072"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as peer:
        try:
            while ports.is_free(port):
                sleep(POLL_SECONDS)
            return _rate(port, objects)
        finally:
            peer.terminate()


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
