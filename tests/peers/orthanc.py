"""Orthanc, Debian's package: an archive that knows Carpus as a modality, started and stopped as a test wants it."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Self

from pydicom import dcmread

from carpus.ports import free_port
from tests.dicom_listener.conftest import poll

AE_TITLE: Final = "ORTHANC"
_START_SECONDS: Final = 30
_STOP_SECONDS: Final = 20
_REQUEST_SECONDS: Final = 20


@dataclass
class Orthanc:
    """An Orthanc; what it stored is there again when it is started again. Its REST API is on loopback."""

    binary: str
    folder: Path
    dicom_port: int
    http_port: int
    options: tuple[str, ...] = ("--verbose",)
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    def in_folder(cls, folder: Path, binary: str) -> Self:
        """Return one that keeps all it has in a folder, on ports that nobody uses; it does not run yet."""
        return cls(binary, folder, free_port(), free_port())

    @contextmanager
    def running(self, carpus_port: int) -> Iterator[Self]:
        """Run it until the end of the block; `carpus_port` is where it reaches Carpus."""
        self._settings.write_text(json.dumps(self._configuration(carpus_port)))
        try:
            self._start()
            yield self
        finally:
            self._stop()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop it, and start it again after the block."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    @property
    def pid(self) -> int:
        """Its process; it runs."""
        assert self._process
        return self._process.pid

    def request(self, path: str, body: bytes | dict[str, Any] | None = None) -> Any:
        """GET a path, or POST a body to it, and return the answer's JSON."""
        return json.loads(self._answer(path, body))

    def raw(self, path: str) -> bytes:
        """GET a path, and return the answer as it comes."""
        return self._answer(path)

    def instances(self, study_instance_uid: str) -> list[str]:
        """Return the objects of a study, by Orthanc's own ids."""
        wanted = {"Level": "Instance", "Query": {"StudyInstanceUID": study_instance_uid}}
        return list(self.request("/tools/find", wanted))

    def files(self, study_instance_uid: str) -> dict[str, list[bytes]]:
        """Return all objects of a study by their Modality, as Orthanc gives them back."""
        found: dict[str, list[bytes]] = {}
        for instance in self.instances(study_instance_uid):
            content = self.raw(f"/instances/{instance}/file")
            found.setdefault(dcmread(BytesIO(content)).Modality, []).append(content)
        return found

    def _answer(self, path: str, body: bytes | dict[str, Any] | None = None) -> bytes:
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        url = f"http://127.0.0.1:{self.http_port}{path}"
        with urllib.request.urlopen(url, content, timeout=_REQUEST_SECONDS) as answer:
            return bytes(answer.read())

    def _start(self) -> None:
        log_path = self.folder / "orthanc.log"
        with log_path.open("ab") as log:
            process = subprocess.Popen([self.binary, *self.options, self._settings], stdout=log, stderr=log)
        self._process = process
        poll(lambda: self._is_up or process.poll() is not None, bool, _START_SECONDS)
        assert self._is_up, log_path.read_text()[-2000:]

    def _stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(_STOP_SECONDS)

    @property
    def _is_up(self) -> bool:
        try:
            return bool(self.request("/system"))
        except OSError:
            return False

    @property
    def _settings(self) -> Path:
        return self.folder / "orthanc.json"

    def _configuration(self, carpus_port: int) -> dict[str, Any]:
        return {
            "Name": "peer",
            "StorageDirectory": str(self.folder / "orthanc"),
            "IndexDirectory": str(self.folder / "orthanc"),
            "Plugins": [],
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,  # loopback alone
            "AuthenticationEnabled": False,
            "DicomAet": AE_TITLE,
            "DicomPort": self.dicom_port,
            "DicomModalities": {
                "carpus": {"AET": "CARPUS", "Host": "127.0.0.1", "Port": carpus_port, "AllowStorageCommitment": True}
            },
        }
