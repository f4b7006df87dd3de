"""What an interrupted run goes on from: weights and optimiser of the last epoch, those of the best, and the history.

The history is written last, whole or not at all: what it does not name has not happened.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import keras
from pydantic import TypeAdapter

from training.schedule import EpochResult, best

_HISTORY = TypeAdapter(list[EpochResult])
HISTORY = "history.json"


class Checkpoint:
    """The checkpoint of one network's run.

    Parameters
    ----------
    folder
        Its own.
    network
        Built and compiled; its weights and its optimiser's are what is kept.

    Attributes
    ----------
    epochs
        How many are kept.
    """

    def __init__(self, folder: Path, network: keras.Model) -> None:
        self._folder, self._network = folder, network
        folder.mkdir(parents=True, exist_ok=True)
        self.epochs = len(read_history(folder / HISTORY))

    def resume(self, epochs: int) -> list[EpochResult]:
        """Load the weights after so many epochs, the last or the one before it, and return the history up to there."""
        history = read_history(self._folder / HISTORY)[:epochs]
        if history:
            self._network.load_weights(self._weights(epochs))
        return history

    def save(self, history: Sequence[EpochResult]) -> None:
        """Keep the weights of the epoch that the history ends with, of the one before it and of the best.

        Parameters
        ----------
        history
            Of all epochs so far.
        """
        fresh = self._folder / "fresh.weights.h5"
        self._network.save_weights(fresh, overwrite=True)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(self._weights(len(history)))
        write_history(history, self._folder / HISTORY)
        needed = {self._weights(len(history)), self._weights(len(history) - 1), self._best(history)}
        if len(history) > 1:
            needed.add(self._best(history[:-1]))
        for weights in self._folder.glob("epoch-*"):
            if weights not in needed:
                weights.unlink()

    def load_best(self, history: Sequence[EpochResult]) -> None:
        """Load the weights of the epoch with the least validation loss."""
        self._network.load_weights(self._best(history))

    def _best(self, history: Sequence[EpochResult]) -> Path:
        return self._weights(best([one.validation_loss for one in history]) + 1)

    def _weights(self, epoch: int) -> Path:
        return self._folder / f"epoch-{epoch}.weights.h5"


def read_history(path: Path) -> list[EpochResult]:
    """Return the history in a file; without a file, an empty one."""
    return _HISTORY.validate_json(path.read_bytes()) if path.exists() else []


def write_history(history: Sequence[EpochResult], path: Path) -> None:
    """Write a history as JSON, whole or not at all."""
    fresh = path.with_suffix(".fresh")
    with fresh.open("wb") as file:
        file.write(_HISTORY.dump_json(list(history), indent=2))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
