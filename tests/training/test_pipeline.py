"""Batches made beside the steps: the same, in the same order, from any of them on, and a failure told."""

import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from training.pipeline import BATCH, epoch_dataset

PAIR = ((tf.TensorSpec((None, 2), tf.float32), tf.TensorSpec((None,), tf.float32)), tf.TensorSpec((), tf.int64))


def batch(number: int) -> tuple[np.ndarray, ...]:
    """Return one whose number shows in it, the first ones slowest."""
    time.sleep(0.02 if number < 2 else 0)
    size = 3 if number < 4 else 1  # the last batch is smaller
    values = np.full(size, number, np.float32)
    return np.full((size, 4, 5, 1), number / 10, np.float32), values, values + 1, values + 2


def numbers(dataset: tf.data.Dataset) -> list[float]:
    return [float(sex[0]) for _, sex, _, _ in dataset]


def test_batches_come_in_order_with_known_shapes() -> None:
    dataset = epoch_dataset(batch, 5)
    assert numbers(dataset) == [0, 1, 2, 3, 4]
    assert dataset.element_spec == BATCH
    assert int(dataset.cardinality()) == 5
    *_, last = dataset
    assert [array.shape for array in last] == [(1, 4, 5, 1), (1,), (1,), (1,)]
    assert last[0][0, 0, 0, 0].numpy() == np.float32(0.4)


def test_the_structure_is_that_of_the_spec() -> None:
    def pair(number: int) -> object:
        return (np.zeros((1, 2), np.float32), np.ones(1, np.float32)), np.int64(number)

    dataset = epoch_dataset(pair, 2, PAIR)
    assert [int(last) for (_, _), last in dataset] == [0, 1]
    assert dataset.element_spec == PAIR


def test_several_threads_make_batches_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    both = threading.Barrier(2, timeout=20)

    def meet(number: int) -> tuple[np.ndarray, ...]:
        both.wait()  # fails unless two are made at once
        return batch(number)

    assert numbers(epoch_dataset(meet, 4)) == [0, 1, 2, 3]


def test_a_batch_of_another_shape_or_one_that_fails_is_told() -> None:
    def flat(number: int) -> tuple[np.ndarray, ...]:
        return (np.zeros((3, 4, 5), np.float32), *batch(number)[1:])

    def failing(number: int) -> tuple[np.ndarray, ...]:
        raise RuntimeError("no such picture")

    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
        list(epoch_dataset(flat, 1))
    with pytest.raises(tf.errors.OpError, match="no such picture"):
        list(epoch_dataset(failing, 1))


def test_each_device_gets_what_it_makes_itself() -> None:
    assert epoch_dataset(batch, 5).options().experimental_distribute.auto_shard_policy == (
        tf.data.experimental.AutoShardPolicy.OFF
    )
