"""The TensorFlow engine: runs a bundle's SavedModel on the CPU, or on a GPU where there is one.

Before it: `worker.bundle` has checked the files. TensorFlow is imported only when a bundle is loaded, so that whoever
imports this module stays light; a process that has loaded one must not fork.
"""

import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from db.errors import BundleError
from worker.bundle import SAVED_MODEL, Bundle
from worker.engines import Float32
from worker.engines.contract import ContractedEngine

# A GPU's library looks for the best way of each convolution once for each shape, which takes seconds.
BATCH_SIZES_ON_GPU: Final = (1, 2, 4, 8, 16)


class TensorFlowEngine(ContractedEngine):
    """A bundle loaded into TensorFlow; see `worker.engines.Engine`.

    Parameters
    ----------
    bundle
        From `worker.bundle.load`.
    assess
        The exported function.
    batch_sizes
        Numbers of radiographs that the device is shown, ascending: fewer are filled up by empty ones, which the answer
        leaves out. None: as many as there are.
    """

    def __init__(self, bundle: Bundle, assess: Any, batch_sizes: Sequence[int] = ()) -> None:
        super().__init__(bundle, set(assess.structured_outputs))
        self._assess, self._batch_sizes = assess, batch_sizes

    def warm_up(self) -> None:
        """Run once on empty radiographs of each number that the device will be shown."""
        for size in self._batch_sizes or (1,):
            self.predict(np.zeros((size, *self._image_shape), np.float32), np.zeros(size, np.float32))

    def _run(self, image: Float32, sex: Float32) -> list[Float32]:
        asked = len(sex)
        missing = next((size for size in self._batch_sizes if size >= asked), asked) - asked
        if missing:
            image, sex = (np.pad(one, [(0, missing)] + [(0, 0)] * (one.ndim - 1)) for one in (image, sex))
        outputs = self._assess(image=image, sex=sex)
        return [outputs[name].numpy()[:asked] for name in self._outputs]


def load(bundle: Bundle, cpu_threads: int | None = None) -> TensorFlowEngine:
    """Load a bundle into this process.

    Parameters
    ----------
    bundle
        From `worker.bundle.load`.
    cpu_threads
        Threads for one operation; None leaves it to TensorFlow, which takes one a core.

    Returns
    -------
    TensorFlowEngine
        Ready, but not warm.

    Raises
    ------
    BundleError
        If the exported function cannot be loaded, or lacks an output that the card promises.
    RuntimeError
        If `cpu_threads` is given, but TensorFlow has already run something in this process.
    """
    tf = prepare_tensorflow(cpu_threads)
    try:
        loaded = tf.saved_model.load(str(bundle.folder / SAVED_MODEL))
    except (OSError, ValueError) as error:  # TensorFlow's, of a graph that is none
        raise BundleError(f"{bundle.folder}: the network cannot be loaded: {error}") from error
    batch_sizes = BATCH_SIZES_ON_GPU if tf.config.list_physical_devices("GPU") else ()
    return TensorFlowEngine(bundle, loaded.signatures["serving_default"], batch_sizes)


def prepare_tensorflow(cpu_threads: int | None = None) -> Any:
    """Import TensorFlow, quietly, with memory growth on every GPU; to be called before its first operation.

    Parameters
    ----------
    cpu_threads
        Threads for one operation; None leaves it to TensorFlow.

    Returns
    -------
    module
        ``tensorflow``.

    Raises
    ------
    RuntimeError
        If `cpu_threads` is given, but TensorFlow has already run something in this process.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a missing GPU is logged as an error; real ones are raised
    import tensorflow as tf

    if cpu_threads is not None and tf.config.threading.get_intra_op_parallelism_threads() != cpu_threads:
        tf.config.threading.set_intra_op_parallelism_threads(cpu_threads)
    for device in tf.config.list_physical_devices("GPU"):
        # Without growth TensorFlow takes the whole device. It can be set only before the first operation, and a second
        # bundle loaded into the same process finds it set.
        if not tf.config.experimental.get_memory_growth(device):
            tf.config.experimental.set_memory_growth(device, True)
    return tf
