"""Milliseconds of one assessment, step by step, as the view `result` tells them."""

import tempfile
from pathlib import Path

from rich.table import Table

from carpus.stack import Ports, Stack
from db.vocabulary import Sex
from tests.encodings import eight_bit
from tests.way.running import Way
from training.phantom import draw

RADIOGRAPHS = 40
STEPS = ("read_ms", "queue_ms", "preprocess_ms", "predict_ms", "record_ms", "latency_ms")


def measure() -> Table:
    """Assess radiographs one after the other, each when the one before is done, and print medians."""
    pictures = [draw(30 + 4 * seed, Sex.FEMALE, seed, rows=1000).image for seed in range(RADIOGRAPHS)]
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), Ports.free(), print) as stack:
        way = Way(stack)
        for picture in pictures:
            sent = [eight_bit(picture)]
            way.send(sent)
            way.wait_for_ends(sent)
        columns = ", ".join(
            f"percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY {step}) AS {step}" for step in STEPS
        )
        # The first one warms caches up.
        (row,) = way.sql(f"SELECT {columns} FROM result WHERE radiograph_id > 1")
    table = Table("step, idle stack", "median ms", "p95 ms", "of predict", title="assess")
    for step in STEPS:
        median, p95 = row[step]
        table.add_row(step.removesuffix("_ms"), f"{median:.1f}", f"{p95:.1f}", f"{median / row['predict_ms'][0]:.2f}")
    return table
