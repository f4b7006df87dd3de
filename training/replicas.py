"""Several devices that fit one network together: who sees which part of a batch, and by whose results all go on.

Before it: `training.strategies`. After it: `training.loop`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from training.batches import Epoch
from training.pipeline import epoch_dataset
from training.schedule import EpochResult


def is_writer(strategy: Any) -> bool:
    """Return whether this process is the one that writes: the only one, or the first of several."""
    resolver = getattr(strategy, "cluster_resolver", None)
    return resolver is None or not resolver.task_id


def fewest_epochs(strategy: Any, epochs: int) -> int:
    """Return how many epochs all processes that fit together have done; one may have been ended before another."""
    return int(np.min(_of_all(strategy, [epochs])[:, 0]))


def of_first(strategy: Any, result: EpochResult) -> EpochResult:
    """Return the first process's result, by which all go on: times differ, and last digits of losses may."""
    told = {name: value for name, value in result.model_dump().items() if isinstance(value, float)}
    first = _of_all(strategy, list(told.values()))[0]
    return result.model_copy(update=dict(zip(told, first.tolist(), strict=True)))


def shared_out(epoch: Epoch, batches: int, strategy: Any) -> Iterator[Any]:
    """Return the first batches of an epoch, each shared out among the replicas."""
    replicas = strategy.num_replicas_in_sync

    def dataset(context: Any = None) -> Any:
        mine = range(replicas)
        if context is not None:
            here = replicas // context.num_input_pipelines
            mine = range(context.input_pipeline_id * here, (context.input_pipeline_id + 1) * here)
        parts = [(batch, part) for batch in range(batches) for part in mine]
        return epoch_dataset(lambda index: epoch.batch(*parts[index], replicas), len(parts))

    distributed: Iterator[Any] = iter(
        dataset() if replicas == 1 else strategy.distribute_datasets_from_function(dataset)
    )
    return distributed


def _of_all(strategy: Any, numbers: list[float]) -> npt.NDArray[np.float64]:
    """Return numbers that every process has, of all of them: (processes, n)."""
    if strategy.num_replicas_in_sync == 1:
        return np.array([numbers], np.float64)

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def of_all() -> Any:
        def on_replica() -> Any:
            return tf.distribute.get_replica_context().all_gather(tf.constant([numbers], tf.float64), axis=0)

        return strategy.run(on_replica)

    return np.asarray(strategy.experimental_local_results(of_all())[0], np.float64)
