"""The demo's whole time, from the command to the last line."""

import os
import subprocess
import sys
import tempfile
from time import perf_counter

from rich.table import Table


def measure() -> Table:
    """Run `carpus demo` in an empty folder and print how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "carpus", "demo"],
            env=os.environ | {"CARPUS_HOME": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"the demo ended with {done.returncode}: {done.stderr}")
    table = Table("carpus demo", "seconds", title="demo")
    table.add_row("whole time", f"{seconds:.1f}")
    return table
