"""What reading makes of an object: the standard radiograph, or the reason for its rejection."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from db.errors import RejectedRadiographError
from tests.objects import as_file, file_bytes
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
