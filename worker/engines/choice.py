"""Which engine runs a bundle on this machine: the one that the settings name, or else the one that suits it.

Before it: `worker.bundle` has checked the files. After it: the engine, and its name in each assessment's row.
"""

import ctypes
from importlib.util import find_spec

from db.errors import SettingsError
from worker.bundle import Bundle
from worker.engines import Engine, EngineName, openvino, tensorflow

_CUDA = "libcuda.so.1"  # the driver's own library, there wherever a GPU can be used


_EXTRAS = {EngineName.OPENVINO: "cpu", EngineName.TENSORFLOW: "tensorflow"}


def load(bundle: Bundle, wanted: EngineName | None = None, cpu_threads: int | None = None) -> tuple[Engine, EngineName]:
    """Load a bundle on the engine that is wanted, or that suits it.

    Parameters
    ----------
    bundle
        From `worker.bundle.load`.
    wanted
        None for OpenVINO, where it is installed, the bundle has a graph for it, and TensorFlow has no GPU or is not
        installed; else for TensorFlow.
    cpu_threads
        Of the processor, for one radiograph; None leaves it to the engine.

    Returns
    -------
    tuple of Engine and EngineName
        Not yet warm.

    Raises
    ------
    BundleError
        If the bundle has no graph for the engine, or none that can be loaded.
    SettingsError
        If the engine is not installed.
    """
    name = wanted or _suiting(bundle)
    if not _is_installed(name):
        extras = " or ".join(f"carpus[{_EXTRAS[one]}]" for one in ([wanted] if wanted else EngineName))
        raise SettingsError(f"CARPUS_ENGINE: {name} is not installed; pip install {extras}")
    if name is EngineName.OPENVINO:
        return openvino.load(bundle, cpu_threads), name
    return tensorflow.load(bundle, cpu_threads), name


def is_on_gpu(name: EngineName) -> bool:
    """Return whether an engine runs on a GPU here."""
    return name is EngineName.TENSORFLOW and _tensorflow_has_gpu()


def _suiting(bundle: Bundle) -> EngineName:
    """Return the engine that a bundle runs best on here; TensorFlow is imported only where a GPU may be its own."""
    if not _is_installed(EngineName.OPENVINO):
        return EngineName.TENSORFLOW
    if not _is_installed(EngineName.TENSORFLOW):
        return EngineName.OPENVINO  # which says what is to be done where the bundle has no graph for it
    return EngineName.OPENVINO if openvino.has_graph(bundle) and not _tensorflow_has_gpu() else EngineName.TENSORFLOW


def _is_installed(name: EngineName) -> bool:
    return find_spec(name) is not None


def _tensorflow_has_gpu() -> bool:
    return _driver_has_gpu() and bool(tensorflow.prepare_tensorflow().config.list_physical_devices("GPU"))


def _driver_has_gpu() -> bool:
    """Ask NVIDIA's driver, which takes no time and no memory, where asking TensorFlow takes seconds and 400 MB."""
    try:
        driver = ctypes.CDLL(_CUDA)
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
