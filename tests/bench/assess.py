"""Milliseconds of one assessment on an idle stack, step by step, as the view `result` tells them, for each network.

The whole is from the row, which is there before C-STORE is answered, to the result.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table

from carpus.stack import Ports, Stack
from db.vocabulary import Sex
from tests.bench.networks import starter_and_full_width
from tests.encodings import eight_bit
from tests.way.running import Way
from training.phantom import draw

RADIOGRAPHS = 40
STEPS = ("read_ms", "queue_ms", "preprocess_ms", "predict_ms", "record_ms", "latency_ms")
# Of the task: load, preprocess, stage, explain and record are around the network.
AROUND = "(preprocess_ms + record_ms) / (preprocess_ms + predict_ms + record_ms) * 100"
BEYOND = "latency_ms - predict_ms"
_MOST_ROWS = 1000


def measure() -> Table:
    """Assess radiographs one after the other, each when the one before is done, and print medians."""
    pictures = [draw(30 + 4 * seed, Sex.FEMALE, seed, rows=_MOST_ROWS).image for seed in range(RADIOGRAPHS)]
    names = (*(step.removesuffix("_ms") for step in STEPS), "latency less predict", "around the network, % of the task")
    table, found = Table("idle stack, ms: median, p95", title="assess"), []
    with tempfile.TemporaryDirectory() as folder:
        for number, (network, made) in enumerate(starter_and_full_width(Path(folder)).items()):
            table.add_column(network, justify="right")
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("CARPUS_BUNDLE", str(made.folder))
                found.append(_percentiles(Path(folder) / f"stack{number}", pictures))
    for name, cells in zip(names, zip(*found, strict=True), strict=True):
        table.add_row(name, *(f"{median:.1f}, {end:.1f}" for median, end in cells))
    return table


def _percentiles(folder: Path, pictures: Sequence[Any]) -> list[tuple[float, float]]:
    """Return the median and the 95th percentile of each."""
    with Stack(folder, Ports.free(), print) as stack:
        way = Way(stack)
        for picture in pictures:
            sent = [eight_bit(picture)]
            way.send(sent)
            way.wait_for_ends(sent)
        columns = ", ".join(
            f"percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY {step})" for step in (*STEPS, BEYOND, AROUND)
        )
        # The first one warms caches up.
        (row,) = way.sql(f"SELECT ARRAY[{columns}] AS all FROM result WHERE radiograph_id > 1")
    return [(median, end) for median, end in row["all"]]
