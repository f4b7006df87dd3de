"""The modalities' process, seen from the test: batches go in, promises come out."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydicom import Dataset

from tests.faults.ledger import Ledger
from tests.objects import as_file

ROOT = Path(__file__).parents[2]


class Modalities:
    """Senders in a process of their own, one batch at a time.

    Parameters
    ----------
    folder
        Where they keep what they have to send.
    port
        The listener's.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._batches = 0
        self._ledger = Ledger()
        self._done = threading.Event()
        self.refusals: Counter[str] = Counter()
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.modality"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
            )
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    @property
    def are_done(self) -> bool:
        """Whether all of the batch was promised."""
        return self._done.is_set()

    def send(self, shares: Sequence[Sequence[Dataset]], ledger: Ledger, pause_seconds: float = 0) -> None:
        """Begin to send a batch, each share by a modality of its own."""
        self._batches += 1
        self._ledger = ledger
        self.refusals.clear()
        self._done.clear()
        written = [self._written(*each) for each in enumerate(shares)]
        self._tell(json.dumps({"port": self._port, "pause_seconds": pause_seconds, "shares": written}))

    def give_up(self, timeout_seconds: float = 60) -> None:
        """End the batch, whatever is left of it."""
        if not self.are_done:
            self._tell("")
            assert self._done.wait(timeout_seconds)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._listening.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            word, _, rest = line.strip().partition(" ")
            match word:
                case "promised":
                    self._ledger.promise(rest)
                case "refused":
                    self.refusals[rest] += 1
                case "done":
                    self._done.set()

    def _written(self, modality: int, share: Sequence[Dataset]) -> list[str]:
        folder = self._folder / str(self._batches) / str(modality)
        folder.mkdir(parents=True)
        return [str(as_file(data_set, folder / f"{number}.dcm")) for number, data_set in enumerate(share)]
