"""Other makers' DICOM software, from the system's package manager, against a running listener."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import listener  # noqa: F401  a fixture
from tests.dicom_listener.requester import committing
from tests.peers.orthanc import AE_TITLE, Orthanc


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave these to `make peers`: `make test` needs nothing from the system's package manager."""
    is_asked_for = "MUST_HAVE_PEERS" in os.environ or any("peers" in argument for argument in config.args)
    return None if is_asked_for else True


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Find a program; where `MUST_HAVE_PEERS` is set, as `make peers` does, it must be there."""

    def find(name: str) -> str:
        found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
        missing = f"{name} is not installed (Debian: orthanc, dcmtk, dicom3tools)"
        if found is None and os.environ.get("MUST_HAVE_PEERS"):
            pytest.fail(missing)
        return found or pytest.skip(missing)

    return find


@dataclass(frozen=True)
class Pair:
    """Orthanc, and the listener that it knows and that knows it."""

    orthanc: Orthanc
    listener_port: int


@pytest.fixture
def pair(carpus_env: CarpusEnvironment, tmp_path: Path, program: Callable[[str], str]) -> Iterator[Pair]:
    orthanc = Orthanc.in_folder(tmp_path, program("Orthanc"))
    peers = f"{AE_TITLE}=127.0.0.1:{orthanc.dicom_port}"
    with committing(commitment_peers=peers) as listening, orthanc.running(listening.port):
        yield Pair(orthanc, listening.port)
