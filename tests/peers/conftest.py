"""Other makers' DICOM software, from the system's package manager, against a running listener."""

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from carpus.ports import free_port
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import listener, poll  # noqa: F401  a fixture
from tests.dicom_listener.requester import committing

CARPUS, ORTHANC = "CARPUS", "ORTHANC"


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave these to `make peers`: `make test` needs nothing from the system's package manager."""
    is_asked_for = "MUST_HAVE_PEERS" in os.environ or any("peers" in argument for argument in config.args)
    return None if is_asked_for else True


@pytest.fixture
def program() -> Callable[[str], str]:
    """Find a program; where `MUST_HAVE_PEERS` is set, as `make peers` does, it must be there."""

    def find(name: str) -> str:
        found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
        if found is None and os.environ.get("MUST_HAVE_PEERS"):
            pytest.fail(f"{name} is not installed (Debian: orthanc, dcmtk)")
        return found or pytest.skip(f"{name} is not installed (Debian: orthanc, dcmtk)")

    return find


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc that knows Carpus as a modality; its REST API on loopback."""

    http_port: int

    def request(self, path: str, body: bytes | dict[str, Any] | None = None) -> Any:
        """GET a path, or POST a body to it, and return the answer's JSON."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", content, timeout=20) as answer:
            return json.load(answer)

    @property
    def is_up(self) -> bool:
        try:
            return bool(self.request("/system"))
        except OSError:
            return False


@dataclass(frozen=True)
class Pair:
    """Orthanc, and the listener that it knows and that knows it."""

    orthanc: Orthanc
    listener_port: int


@pytest.fixture
def pair(carpus_env: CarpusEnvironment, tmp_path: Path, program: Callable[[str], str]) -> Iterator[Pair]:
    binary = program("Orthanc")
    dicom_port, http_port = free_port(), free_port()
    with committing(commitment_peers=f"{ORTHANC}=127.0.0.1:{dicom_port}") as running:
        carpus = {"AET": CARPUS, "Host": "127.0.0.1", "Port": running.port, "AllowStorageCommitment": True}
        configuration = {
            "Name": "peer",
            "StorageDirectory": str(tmp_path / "orthanc"),
            "IndexDirectory": str(tmp_path / "orthanc"),
            "Plugins": [],
            "HttpPort": http_port,
            "RemoteAccessAllowed": False,  # loopback alone
            "AuthenticationEnabled": False,
            "DicomAet": ORTHANC,
            "DicomPort": dicom_port,
            "DicomModalities": {"carpus": carpus},
        }
        settings = tmp_path / "orthanc.json"
        settings.write_text(json.dumps(configuration))
        with (tmp_path / "orthanc.log").open("wb") as log:
            process = subprocess.Popen([binary, "--verbose", settings], stdout=log, stderr=log)
        orthanc = Orthanc(http_port)
        try:
            poll(lambda: orthanc.is_up or process.poll() is not None, bool, 30)
            assert orthanc.is_up, (tmp_path / "orthanc.log").read_text()[-2000:]
            yield Pair(orthanc, running.port)
        finally:
            process.terminate()
            process.wait(20)
