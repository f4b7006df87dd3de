"""What imports what: the listener, the command line, Celery's command and Flower start without machine learning."""

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "openvino")


LIGHT = (
    "carpus.__main__",
    "db.migrate",
    "dicom_listener.__main__",
    "dicom_listener.program",
    "worker.app",
    "worker.standardise",
    "worker.tasks",
)


@pytest.mark.parametrize("module", LIGHT)
def test_importing_a_module_stays_light(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
