"""Several devices, or several machines, that fit one network together.

Before it: ``--strategy``. After it: `training.loop` shares each batch out among them.
"""

import json
import os
from enum import StrEnum
from typing import Any

from db.errors import PermanentError


class StrategyName(StrEnum):
    """How a network is fitted: on one device, on all GPUs of a machine, or by several processes."""

    NONE = "none"
    MIRRORED = "mirrored"
    MULTIWORKER = "multiworker"


class StrategyError(PermanentError):
    """Processes cannot fit together; the message says what is missing."""


_EXAMPLE = '{"cluster": {"worker": ["host-a:4000", "host-b:4000"]}, "task": {"type": "worker", "index": 0}}'


def open_strategy(name: StrategyName) -> Any:
    """Return a strategy of ``tf.distribute``, or None for one device; before TensorFlow's first operation.

    Parameters
    ----------
    name
        Which. ``multiworker`` finds the other processes by the environment variable ``TF_CONFIG``.

    Raises
    ------
    StrategyError
        When ``TF_CONFIG`` does not say which processes there are.
    """
    import tensorflow as tf

    if name is StrategyName.MIRRORED:
        return tf.distribute.MirroredStrategy()
    if name is StrategyName.MULTIWORKER:
        worker_index()
        return tf.distribute.MultiWorkerMirroredStrategy()
    return None


def worker_index() -> int:
    """Return which of the processes in ``TF_CONFIG`` this is.

    Raises
    ------
    StrategyError
        When it is not said.
    """
    try:
        told = json.loads(os.environ["TF_CONFIG"])
        index = int(told["task"]["index"])
        if told["task"]["type"] != "worker" or not 0 <= index < len(told["cluster"]["worker"]):
            raise ValueError("no such worker")
    except (KeyError, TypeError, ValueError) as error:
        raise StrategyError(
            f"TF_CONFIG: expected the workers' addresses and which of them this is, such as {_EXAMPLE}; the same on"
            " each but for the index"
        ) from error
    return index
