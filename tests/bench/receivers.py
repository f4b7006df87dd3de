"""What receives in :mod:`tests.bench.receive`: Carpus's listener alone, and two receivers of other makers beside it.

All of them keep what they receive below the same temporary folder's disk, and each is as its maker sets it up, but for
the peers' `--fork`, by which storescp serves several associations at once.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
import redis

from carpus import ports
from carpus.processes import LISTENER
from carpus.stack import Ports, Stack
from tests.peers.orthanc import Orthanc

POLL_SECONDS = 0.02
_DEADLINE_SECONDS = 60


@dataclass(frozen=True)
class Receiver:
    """One that runs."""

    port: int
    pid: int
    wait_for: Callable[[int], None] = lambda _: None  # until so many images have come to their end there, if it has one

    def resident_mb(self) -> float:
        """Return the memory of its processes in MB, of what they share each its part."""
        found = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in _with_children(self.pid)]
        return sum(int(re.findall(r"^Pss:\s+(\d+)", one, re.MULTILINE)[0]) for one in found) / 1000


def _with_children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in _with_children(int(child)))]


@contextmanager
def carpus(**settings: str) -> Iterator[Receiver]:
    """Run the listener with its servers, without the workers that would read what comes."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        # All images come from this machine.
        for name, value in {"CARPUS_MAX_ASSOCIATIONS_PER_ADDRESS": "20", **settings}.items():
            environment.setenv(name, value)
        with patch("carpus.stack.wanted", lambda _: (LISTENER,)), Stack(Path(folder), Ports.free(), print) as stack:
            yield Receiver(stack.ports.listener, stack.processes[LISTENER].pid or 0, _Queue(stack.redis.url).wait_for)


@dataclass
class _Queue:
    """The queue of images to be read, whose messages nobody takes."""

    url: str
    enqueued: int = 0

    def wait_for(self, images: int) -> None:
        """Wait until so many more than before have their message."""
        self.enqueued += images
        deadline = time.monotonic() + _DEADLINE_SECONDS
        with redis.Redis.from_url(self.url) as client:
            while (length := client.llen("read")) < self.enqueued:
                assert time.monotonic() < deadline, f"{length} of {self.enqueued} are enqueued"
                time.sleep(POLL_SECONDS)


@contextmanager
def storescp(*options: str) -> Iterator[Receiver]:
    """Run DCMTK's storescp."""
    port = ports.free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["storescp", "--output-directory", folder, "--fork", *options, str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                while ports.is_free(port):
                    time.sleep(POLL_SECONDS)
                yield Receiver(port, process.pid)
            finally:
                process.terminate()


@contextmanager
def orthanc() -> Iterator[Receiver]:
    """Run Orthanc with its own settings."""
    with tempfile.TemporaryDirectory() as folder:
        made = Orthanc.in_folder(Path(folder), shutil.which("Orthanc", path="/usr/sbin:/usr/bin") or "Orthanc")
        made.options = ()
        with made.running(ports.free_port()):
            yield Receiver(made.dicom_port, made.pid)


RECEIVERS: Mapping[str, tuple[str | None, Callable[[], AbstractContextManager[Receiver]]]] = {
    "Carpus": (None, carpus),
    "Carpus, two processes": (None, lambda: carpus(CARPUS_LISTENER_PROCESSES="2")),
    "DCMTK storescp --fork, no fsync": ("storescp", storescp),
    "Orthanc": ("Orthanc", orthanc),
    "storescp --fork --ignore, nothing kept": ("storescp", lambda: storescp("--ignore")),
}
"""By name: the program that must be there, and what runs it."""


def is_there(program: str | None) -> bool:
    """Whether a program is installed; Carpus is."""
    return program is None or shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/bin") is not None
