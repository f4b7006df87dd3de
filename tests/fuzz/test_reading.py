"""Damaged radiographs by the hundred in the test run, by the hundred thousand in `make fuzz`."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz import batches
from tests.fuzz.batches import Report
from tests.fuzz.judged import MOST_BYTES

ROOT = Path(__file__).parents[2]
SHORT_CASES = 400
CASES = int(os.environ.get("FUZZ_READING", SHORT_CASES))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
BATCH_CASES = 200 if CASES == SHORT_CASES else 1000
TOLD_EVERY = 20  # batches


def test_make_fuzz_runs_100_000_cases_unless_told_otherwise() -> None:
    told_otherwise = {"FUZZ_READING", "FUZZ_WIRE", "MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in told_otherwise}
    plan = subprocess.run(
        ["make", "-n", "fuzz"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    asked = [int(cases) for cases in re.findall(r"FUZZ_(?:READING|WIRE)=(\d+)", plan.stdout)]
    assert len(asked) == 2
    assert sum(asked) >= 100_000


@pytest.mark.timeout(120 + CASES // 5)
def test_damaged_radiographs_end_in_a_radiograph_or_a_reason(tmp_path: Path) -> None:
    kept = Path(os.environ.get("FUZZ_KEPT", tmp_path))
    began, told = time.monotonic(), [0]

    def tell(report: Report) -> None:
        told[0] += 1
        if told[0] % TOLD_EVERY == 0:
            seconds = time.monotonic() - began
            words = f"{report.cases} objects in {seconds:.0f} s, {len(report.problems)} against the rules"
            sys.stdout.write(f"\n{words}, at most {report.peak_bytes / 1e6:.0f} MB")
            sys.stdout.flush()

    report = batches.run(CASES, BATCH_CASES, SEED, kept, tell)
    sys.stdout.write(f"\n{report.cases} objects in {time.monotonic() - began:.0f} s: {dict(report.ended)}\n")
    assert report.problems == []
    assert report.cases >= CASES
    assert report.peak_bytes < MOST_BYTES
    # The damage is neither always deadly nor never felt.
    radiographs = sum(count for end, count in report.ended.items() if end.startswith("radiograph"))
    assert CASES / 20 < radiographs < CASES * 19 / 20
