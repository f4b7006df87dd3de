"""Images received by Carpus's listener, beside DCMTK's storescp and Orthanc in the same run.

The sender's PDUs are made beforehand (:mod:`tests.bench.modality`), so that the last line, a receiver that keeps
nothing, shows what is left of the sender and of the protocol's own waits: both peers write an answer in two pieces, and
TCP holds the second back for 40 ms until the first is acknowledged. Carpus's time ends when the last image has its row
and its message; its disk has every image when it is answered, the peers' may have it later.
"""

import select
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from rich.table import Table

from tests.bench.modality import Way
from tests.bench.receivers import RECEIVERS, Receiver, is_there

ROUNDS = 3
_ROOT = Path(__file__).resolve().parents[2]
_MB = 1_000_000
_LOOK_SECONDS = 0.1


class Situation(NamedTuple):
    """So many associations at once, each with so many images."""

    associations: int
    images: int
    size_bytes: int

    @property
    def name(self) -> str:
        """What it is called in the table."""
        size = f"{self.size_bytes // _MB} MB" if self.size_bytes >= _MB else f"{self.size_bytes // 1000} KB"
        return f"{size}, {self.associations} at once"


RATES = (Situation(1, 16, 10 * _MB), Situation(8, 4, 10 * _MB), Situation(1, 40, 100_000))
MEMORY = Situation(16, 3, 15 * _MB)


def measure() -> Table:
    """Send to each receiver in each situation; print the medians in images per second, and as Carpus's multiple."""
    columns = [situation.name for situation in RATES]
    table = Table("images per second (Carpus's multiple)", *columns, f"{MEMORY.name}, MB", title="receive")
    there = {name: run for name, (program, run) in RECEIVERS.items() if is_there(program)}
    with ExitStack() as stack:
        running = {name: stack.enter_context(run()) for name, run in there.items()}
        rates = _rates(running)
        memory = {name: _most_mb(receiver) for name, receiver in running.items()}
    own = next(iter(rates.values()))
    for name in RECEIVERS:
        if name in rates:
            cells = [f"{rate:.1f} ({ours / rate:.2f})" for rate, ours in zip(rates[name], own, strict=True)]
            table.add_row(name, *cells, f"{memory[name]:.0f}")
        else:
            table.add_row(name, *["not installed"] * (len(columns) + 1))
    return table


def _rates(running: Mapping[str, Receiver]) -> dict[str, list[float]]:
    """Return the medians of each receiver's rates, measured in turns, so that all meet the same machine."""
    for receiver in running.values():
        _rate(receiver, Situation(4, 2, _MB))  # whatever is slow the first time
    rounds = [
        [{name: _rate(receiver, situation) for name, receiver in running.items()} for situation in RATES]
        for _ in range(ROUNDS)
    ]
    of_situations = [[rates[place] for rates in rounds] for place in range(len(RATES))]
    return {name: [statistics.median(one[name] for one in rates) for rates in of_situations] for name in running}


def _rate(receiver: Receiver, situation: Situation) -> float:
    with _sender(receiver, situation) as sender:
        began = perf_counter()
        sender.tell()
        sender.hear()
        receiver.wait_for(situation.associations * situation.images)
        return situation.associations * situation.images / (perf_counter() - began)


def _most_mb(receiver: Receiver) -> float:
    """Return the most memory that was seen while all associations were sending, and before they end."""
    with _sender(receiver, MEMORY) as sender:
        sender.tell()
        seen_mb = [receiver.resident_mb()]
        while not sender.has_answered():
            seen_mb.append(receiver.resident_mb())
        sender.hear()
        return max(*seen_mb, receiver.resident_mb())


class _Sender:
    """The process that sends; it says one line when it is ready, and one when all was answered."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout
        self._in, self._out = process.stdin, process.stdout

    def tell(self) -> None:
        """Let it go on."""
        self._in.write(b"\n")
        self._in.flush()

    def hear(self) -> None:
        """Wait until it has got so far."""
        assert self._out.readline()

    def has_answered(self) -> bool:
        """Whether it has; wait for a moment where not."""
        return bool(select.select([self._out], [], [], _LOOK_SECONDS)[0])


@contextmanager
def _sender(receiver: Receiver, situation: Situation) -> Iterator[_Sender]:
    """Run a sender that is ready, and let it end after the block."""
    arguments = [str(receiver.port), *map(str, situation), Way.AT_ONCE]
    command = [sys.executable, "-m", "tests.bench.modality", *arguments]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        sender = _Sender(process)
        sender.hear()
        yield sender
        sender.tell()
