"""What reading makes of an object: the standard radiograph, or the reason for its rejection."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from db.errors import RejectedRadiographError
from tests.conftest import CarpusEnvironment
from tests.objects import as_file, file_bytes
from tests.worker.working import Working
from worker.limits import Limits
from worker.read import read


@pytest.fixture
def read_object(tmp_path: Path) -> Callable[[Dataset], np.ndarray]:
    return lambda data_set: read(as_file(data_set, tmp_path / "object.dcm"))


@pytest.fixture
def reason(tmp_path: Path) -> Callable[..., str]:
    """Why a data set, or a file of some bytes, is rejected."""

    def rejected(received: Dataset | bytes, limits: Limits | None = None) -> str:
        path = tmp_path / "object.dcm"
        path.write_bytes(received if isinstance(received, bytes) else file_bytes(received))
        with pytest.raises(RejectedRadiographError) as error:
            read(path, limits or Limits())
        return str(error.value)

    return rejected


@pytest.fixture
def working(carpus_env: CarpusEnvironment, tmp_path: Path) -> Iterator[Callable[..., Working]]:
    """Start workers of the hostile application, with settings of their own; what still runs at the end is killed."""
    started: list[Working] = []

    def start(queue: str, **settings: str) -> Working:
        started.append(Working(queue, tmp_path / f"worker-{len(started)}.log", settings))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
