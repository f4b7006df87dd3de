"""Which engine runs a bundle: the setting's, or by what is installed, its graphs and whether there is a GPU."""

import ctypes
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from db.errors import BundleError, SettingsError
from tests.card_bundles import write_bundle
from worker import bundle, settings
from worker.bundle import Bundle
from worker.engines import EngineName, choice, openvino, tensorflow

BOTH = {"openvino", "tensorflow"}


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """The starter, which has both graphs; loading it costs nothing."""
    for engine in (openvino, tensorflow):
        monkeypatch.setattr(engine, "load", lambda *_: object())
    return bundle.load(bundle.starter_folder())


def on_a_machine(monkeypatch: pytest.MonkeyPatch, installed: set[str], *, has_gpu: bool) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda name: object() if str(name) in installed else None)
    monkeypatch.setattr(choice, "_tensorflow_has_gpu", lambda: has_gpu)


@pytest.mark.parametrize(
    ("installed", "has_gpu", "expected"),
    [
        (BOTH, False, EngineName.OPENVINO),
        (BOTH, True, EngineName.TENSORFLOW),
        ({"openvino"}, False, EngineName.OPENVINO),
        ({"tensorflow"}, False, EngineName.TENSORFLOW),
    ],
)
def test_the_engine_suits_the_machine(
    shipped: Bundle, monkeypatch: pytest.MonkeyPatch, installed: set[str], has_gpu: bool, expected: EngineName
) -> None:
    on_a_machine(monkeypatch, installed, has_gpu=has_gpu)
    assert choice.load(shipped)[1] is expected


@pytest.mark.parametrize("wanted", EngineName)
def test_the_setting_decides(shipped: Bundle, monkeypatch: pytest.MonkeyPatch, wanted: EngineName) -> None:
    on_a_machine(monkeypatch, BOTH, has_gpu=True)
    monkeypatch.setenv("CARPUS_ENGINE", wanted)
    settings.worker.cache_clear()
    assert choice.load(shipped, settings.worker().engine)[1] is wanted
    settings.worker.cache_clear()


@pytest.mark.parametrize(
    ("wanted", "extras"),
    [
        (EngineName.OPENVINO, r"carpus\[cpu\]$"),
        (EngineName.TENSORFLOW, r"carpus\[tensorflow\]$"),
        (None, r"carpus\[cpu\] or carpus\[tensorflow\]$"),
    ],
)
def test_an_engine_that_is_not_installed_is_named_with_its_extra(
    shipped: Bundle, monkeypatch: pytest.MonkeyPatch, wanted: EngineName | None, extras: str
) -> None:
    on_a_machine(monkeypatch, set(), has_gpu=False)
    with pytest.raises(SettingsError, match=f"is not installed; pip install {extras}"):
        choice.load(shipped, wanted)


def test_a_bundle_without_a_graph_for_openvino_runs_on_tensorflow(
    shipped: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on_a_machine(monkeypatch, BOTH, has_gpu=False)
    assert choice.load(write_bundle(tmp_path / "old"))[1] is EngineName.TENSORFLOW


@pytest.mark.parametrize(("wanted", "installed"), [(EngineName.OPENVINO, BOTH), (None, {"openvino"})])
def test_a_bundle_without_a_graph_for_the_only_engine_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: EngineName | None, installed: set[str]
) -> None:
    on_a_machine(monkeypatch, installed, has_gpu=False)
    with pytest.raises(BundleError, match=r"has no graph for OpenVINO .*python -m training export"):
        choice.load(write_bundle(tmp_path / "old"), wanted)


def test_a_machine_without_the_driver_has_no_gpu_and_tensorflow_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_CUDA", "libof_no_driver.so")
    monkeypatch.setattr(tensorflow, "prepare_tensorflow", lambda: pytest.fail("imported for nothing"))
    assert not choice._tensorflow_has_gpu()


class _Driver:
    """NVIDIA's library on a machine with so many GPUs, or one where it cannot be started."""

    def __init__(self, status: int, gpus: int) -> None:
        self.cuInit = lambda flags: status
        self._gpus = gpus

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802  the library's name
        count._obj.value = self._gpus
        return 0


@pytest.mark.parametrize(
    ("driver", "seen_by_tensorflow", "expected"),
    [
        (_Driver(status=0, gpus=2), ["GPU:0"], True),
        (_Driver(status=0, gpus=2), [], False),  # built without CUDA
        (_Driver(status=0, gpus=0), ["asked for nothing"], False),
        (_Driver(status=100, gpus=0), ["asked for nothing"], False),  # CUDA_ERROR_NO_DEVICE
    ],
)
def test_a_gpu_counts_where_tensorflow_sees_it(
    monkeypatch: pytest.MonkeyPatch, driver: _Driver, seen_by_tensorflow: list[str], expected: bool
) -> None:
    config = SimpleNamespace(list_physical_devices=lambda kind: seen_by_tensorflow)
    monkeypatch.setattr(tensorflow, "prepare_tensorflow", lambda: SimpleNamespace(config=config))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    assert choice._tensorflow_has_gpu() == expected


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None  # importing them is an error now
import numpy as np
from worker import bundle, serving
active = serving.load(bundle.load(bundle.starter_folder()))
image = np.zeros((2, 256, 256, 1), np.float32)
found = active.engine.predict(image, np.array([1, np.nan], np.float32))
assert np.isfinite(found.bone_age_months[0]) and np.isnan(found.bone_age_months[1])
assert found.heat_map.shape == (2, 8, 8)
assert sys.modules["openvino_telemetry"] is None
print(active.engine_name)
"""


def test_a_worker_without_tensorflow_assesses_and_openvino_reports_to_nobody(tmp_path: Path) -> None:
    assert find_spec("openvino") is not None
    environment = {
        name: value for name, value in os.environ.items() if name != "CI"
    }  # where it would not report anyway
    environment["HOME"] = str(tmp_path)
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TENSORFLOW]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "openvino\n"), done.stderr
    assert not list(tmp_path.iterdir()), "its telemetry keeps an identity in the home folder"
