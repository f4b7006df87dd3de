"""The OpenVINO engine: runs a bundle's graph on the processor, and needs no TensorFlow.

Before it: `training.export` has converted the graph, and `worker.bundle` has checked the files. OpenVINO is imported
only when a bundle is loaded, so that whoever imports this module stays light.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from db.errors import BundleError
from worker.bundle import OPENVINO, Bundle
from worker.engines import Float32
from worker.engines.contract import ContractedEngine

# float32 by name: left to itself, OpenVINO takes bfloat16 where the processor has it, and that moved the starter's bone
# age by up to 1.4 months on 500 drawn hands (`tests.bench.engines`).
_OPTIONS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


class OpenVINOEngine(ContractedEngine):
    """A bundle compiled by OpenVINO; see `worker.engines.Engine`."""

    def __init__(self, bundle: Bundle, compiled: Any) -> None:
        super().__init__(bundle, {name for output in compiled.outputs for name in output.names})
        self._compiled = compiled

    def _run(self, image: Float32, sex: Float32) -> list[Float32]:
        # A request of its own for each call, so that threads may call at once.
        outputs = self._compiled.infer_new_request({"image": image, "sex": sex})
        return [outputs[name] for name in self._outputs]


def load(bundle: Bundle, cpu_threads: int | None = None) -> OpenVINOEngine:
    """Load a bundle into this process.

    Parameters
    ----------
    bundle
        From `worker.bundle.load`.
    cpu_threads
        Threads for one radiograph; None leaves it to OpenVINO, which takes one a core.

    Returns
    -------
    OpenVINOEngine
        Ready, but not warm.

    Raises
    ------
    BundleError
        If it has no graph for OpenVINO, or none that can be loaded, or that lacks an output that the card promises.
    """
    if not has_graph(bundle):
        cure = "write one by `python -m training export`, or let TensorFlow run it"
        raise BundleError(f"{bundle.folder}: has no graph for OpenVINO ({OPENVINO}); {cure}")
    try:
        return OpenVINOEngine(bundle, compiled(bundle.folder / OPENVINO, cpu_threads))
    except RuntimeError as error:  # OpenVINO's
        raise BundleError(f"{bundle.folder}: the network cannot be loaded: {error}") from error


def has_graph(bundle: Bundle) -> bool:
    """Return whether a bundle has a graph for OpenVINO; one from before there was any, for example, has none."""
    return OPENVINO in bundle.card.files


def compiled(model: Path, cpu_threads: int | None = None) -> Any:
    """Compile a graph for this processor, in float32.

    Parameters
    ----------
    model
        ``model.xml``, with its weights beside it.
    cpu_threads
        Threads for one radiograph; None leaves it to OpenVINO.

    Returns
    -------
    openvino.CompiledModel
        Which threads may share.
    """
    options = _OPTIONS if cpu_threads is None else {**_OPTIONS, "INFERENCE_NUM_THREADS": str(cpu_threads)}
    return prepare_openvino().Core().compile_model(str(model), "CPU", options)


def prepare_openvino() -> Any:
    """Import OpenVINO, and keep it from telling its makers so.

    Returns
    -------
    module
        ``openvino``.
    """
    # Its import sends an event to an analytics service and writes into the home folder, unless this package is missing.
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    import openvino

    return openvino
