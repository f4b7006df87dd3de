"""``python -m tests.bench [PART …]``: measure and print tables; numbers compare within one run only."""

import os
import platform
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from tests.bench import (
    arithmetic,
    assess,
    batches,
    bfloat16,
    carries,
    database,
    demo,
    drawing,
    engines,
    epoch,
    pipeline,
    published,
    radiographs,
    reading,
    receive,
    region,
    store,
    transfer,
    workers,
)

# Asked for by name only.
EXTRAS: dict[str, Callable[[], Table]] = {
    "region-assumed": region.assume,
    "epoch-whole": epoch.measure_whole,
    "transfer": transfer.measure,
    "radiographs": radiographs.measure,
    "review": radiographs.review,
    "database-whole": database.measure_whole,
}
PARTS: dict[str, Callable[[], Table]] = {
    "store": store.measure,
    "receive": receive.measure,
    "read": reading.measure,
    "assess": assess.measure,
    "workers": workers.measure,
    "batches": batches.measure,
    "engines": engines.measure,
    "bfloat16": bfloat16.measure,
    "arithmetic": arithmetic.measure,
    "published": published.measure,
    "demo": demo.measure,
    "drawing": drawing.measure,
    "pipeline": pipeline.measure,
    "epoch": epoch.measure,
    "database": database.measure,
    "carries": carries.measure,
    "region": region.measure,
}


def main(names: list[str]) -> int:
    """Measure the parts named, or all."""
    if unknown := set(names) - set(PARTS | EXTRAS):
        sys.stderr.write(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS | EXTRAS)}\n")
        return 2
    console = Console()
    load, *_ = os.getloadavg()
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}")
    for name in names or PARTS:
        console.print((PARTS | EXTRAS)[name]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
