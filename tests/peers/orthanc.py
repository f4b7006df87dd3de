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

from pydicom import Dataset, dcmread

from carpus.ports import free_port
from tests.dicom_listener.conftest import poll

AE_TITLE: Final = "ORTHANC"
_START_SECONDS: Final = 30
_REQUEST_SECONDS: Final = 20


@dataclass(frozen=True)
class Orthanc:
    """An Orthanc; what it stored is there again when it is started again. Its REST API is on loopback."""

    binary: str
    folder: Path
    dicom_port: int
    http_port: int

    @classmethod
    def in_folder(cls, folder: Path, binary: str) -> Self:
        """Return one that keeps all it has in a folder, on ports that nobody uses."""
        return cls(binary, folder, free_port(), free_port())

    @contextmanager
    def running(self, carpus_port: int) -> Iterator[Self]:
        """Run it until the end of the block; `carpus_port` is where it sends to Carpus."""
        settings, log_path = self.folder / "orthanc.json", self.folder / "orthanc.log"
        settings.write_text(json.dumps(self._configuration(carpus_port)))
        with log_path.open("ab") as log:
            process = subprocess.Popen([self.binary, "--verbose", settings], stdout=log, stderr=log)
        try:
            poll(lambda: self._is_up or process.poll() is not None, bool, _START_SECONDS)
            assert self._is_up, log_path.read_text()[-2000:]
            yield self
        finally:
            process.terminate()
            process.wait(20)

    def request(self, path: str, body: bytes | dict[str, Any] | None = None) -> Any:
        """GET a path, or POST a body to it, and return the answer's JSON."""
        return json.loads(self._answer(path, body))

    def file(self, instance: str) -> bytes:
        """Return an object as it gives it back; `instance` is Orthanc's own id."""
        return self._answer(f"/instances/{instance}/file")

    def of_study(self, study_instance_uid: str) -> dict[str, list[Dataset]]:
        """Return all objects of a study by Modality, as it gives them back."""
        found: dict[str, list[Dataset]] = {}
        for instance in self.instances(study_instance_uid):
            given = dcmread(BytesIO(self.file(instance)))
            found.setdefault(given.Modality, []).append(given)
        return found

    def instances(self, study_instance_uid: str) -> list[str]:
        """Return the objects of a study by Orthanc's own ids."""
        wanted = {"Level": "Instance", "Query": {"StudyInstanceUID": study_instance_uid}}
        return list(self.request("/tools/find", wanted))

    def _answer(self, path: str, body: bytes | dict[str, Any] | None = None) -> bytes:
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        url = f"http://127.0.0.1:{self.http_port}{path}"
        with urllib.request.urlopen(url, content, timeout=_REQUEST_SECONDS) as answer:
            return bytes(answer.read())

    @property
    def _is_up(self) -> bool:
        try:
            return bool(self.request("/system"))
        except OSError:
            return False

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
