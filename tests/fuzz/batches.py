"""Damaged objects by the hundred, in processes that a decoder may crash: what was being read then is kept as a file.

Each process has the address space of the pool's reading processes. One that dies, hangs or swells ends its batch; the
run goes on with the next, and reports.
"""

import json
import multiprocessing
import os
import resource
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.damage import Case, damaged
from tests.fuzz.judged import LONGEST_SECONDS, MOST_BYTES, OracleError, judge, peak_bytes
from tests.fuzz.seeds import seeds

ADDRESS_SPACE_BYTES = 4 * 2**30  # the default of CARPUS_READ_MEMORY_BYTES
POLL_SECONDS = 0.02
# Forked, as the pool's, but from a server of their own that has loaded no more than they need: not from the test
# process, which may hold TensorFlow and a gigabyte.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.fuzz.batches"])


@dataclass
class Report:
    """What a run found: how the cases ended, what broke the rules with a file to repeat it, and the peak of memory."""

    ended: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def cases(self) -> int:
        """How many cases came to an end, of whatever kind."""
        return self.ended.total()


@dataclass
class _Batch:
    number: int
    folder: Path
    progress: Any
    process: Any
    seen: int = 0
    seen_at: float = field(default_factory=time.monotonic)

    def is_stuck(self) -> bool:
        """Return whether no case has ended for longer than one may take, with some room for a busy machine."""
        if self.progress.value != self.seen:
            self.seen, self.seen_at = self.progress.value, time.monotonic()
        return time.monotonic() - self.seen_at > 3 * LONGEST_SECONDS


def run(
    cases: int,
    batch_cases: int,
    first_seed: int,
    folder: Path,
    tell: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Try a number of damaged objects, in as many processes at once as there are cores.

    Parameters
    ----------
    cases
        How many.
    batch_cases
        How many in each process.
    first_seed
        Of the first batch; the same seed makes the same cases.
    folder
        For the files, and what repeats each problem.
    tell
        Called with what is known so far after each batch.
    """
    report, running, number = Report(), list[_Batch](), first_seed
    started = 0
    while started < cases or running:
        while started < cases and len(running) < (os.cpu_count() or 1):
            running.append(_start(number, min(batch_cases, cases - started), folder))
            started, number = started + min(batch_cases, cases - started), number + 1
        time.sleep(POLL_SECONDS)
        for batch in [batch for batch in running if not batch.process.is_alive() or batch.is_stuck()]:
            running.remove(batch)
            left_over = _collect(batch, report, folder)
            started -= left_over if number < first_seed + 10 * (cases // batch_cases + 1) else 0
            tell(report)
    return report


def _start(number: int, cases: int, folder: Path) -> _Batch:
    own = folder / f"batch_{number}"
    shutil.rmtree(own, ignore_errors=True)  # of a run that was interrupted
    own.mkdir(parents=True)
    progress = CONTEXT.Value("q", 0)
    process = CONTEXT.Process(target=_work, args=(number, cases, own, progress))
    process.start()
    return _Batch(number, own, progress, process)


def _collect(batch: _Batch, report: Report, folder: Path) -> int:
    """Add a batch's result to the report, with the case it died of; return how many of its cases were not tried."""
    is_stuck = batch.process.is_alive()
    if is_stuck:
        batch.process.kill()
    batch.process.join()
    result = batch.folder / "result.json"
    found = json.loads(result.read_text()) if result.is_file() else {"ended": {}, "problems": [], "peak": 0, "left": 0}
    report.ended.update(found["ended"])
    report.problems += found["problems"]
    report.peak_bytes = max(report.peak_bytes, found["peak"])
    if not result.is_file():
        kept = _keep(batch.folder, folder, f"{batch.number}_died")
        end = "hung" if is_stuck else f"the process ended with {batch.process.exitcode}"
        report.problems.append(f"{end} on {kept}")
        report.ended["done before a crash"] += batch.progress.value
    shutil.rmtree(batch.folder)
    return int(found["left"])


def _keep(own: Path, folder: Path, name: str) -> str:
    for which in ("object", "listener"):
        if (own / f"{which}.dcm").is_file():
            shutil.copy(own / f"{which}.dcm", folder / f"{name}_{which}.dcm")
    return str(folder / f"{name}_object.dcm")


def _work(number: int, cases: int, own: Path, progress: Any) -> None:
    """Try a batch's cases; runs in a process of its own."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # the decoders in C write what they do not like
    ended: Counter[str] = Counter()
    problems: list[str] = []

    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged())
    def tried(case: Case) -> None:
        if peak_bytes() > MOST_BYTES:
            return  # its process has had too much already: the next batch goes on
        try:
            ended[judge(case, own)] += 1
            if peak_bytes() > MOST_BYTES:
                raise OracleError(f"took {peak_bytes() / 1e6:.0f} MB")
        except OracleError as error:
            ended["against the rules"] += 1
            kept = _keep(own, own.parent, f"{number}_{progress.value}")
            problems.append(f"{error} ({case.seed.name}) on {kept}: {_cause(error)}")
        progress.value += 1

    tried()
    found = {"ended": ended, "problems": problems, "peak": peak_bytes(), "left": cases - ended.total()}
    (own / "result.json").write_text(json.dumps(found))


def _cause(error: OracleError) -> str:
    if error.__cause__ is None:
        return ""
    return "".join(traceback.format_exception(error.__cause__)[-3:])


seeds()  # made once, in the server from which the processes come
