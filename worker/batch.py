"""Micro-batches: threads that ask an engine at the same time are answered by one call of it.

Before it: threads of `worker.look`, each with a radiograph of its own. After it: an engine of `worker.engines`. There
is no thread of its own: whoever finds nobody asking asks for all that wait, up to a number of radiographs, and hands
that duty over once it is answered. A batch that fails is asked again one by one, so that each failure is its own.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from worker.engines import Engine, Float32, Predictions


@dataclass(eq=False)
class _Asked:
    """What one thread asks, until it is answered."""

    image: Float32
    sex: Float32
    answer: Predictions | None = None
    error: Exception | None = None
    leads: bool = False
    turn: threading.Event = field(default_factory=threading.Event)  # it is answered, or has to ask for all

    @property
    def is_answered(self) -> bool:
        return self.answer is not None or self.error is not None


class Batching:
    """An engine that answers several threads at once; see `worker.engines.Engine`.

    Parameters
    ----------
    engine
        Is asked by one thread at a time.
    size
        Most radiographs in one call, unless a thread asks about more; the memory of a call is bounded by it.
    wait_seconds
        How long the first of a batch waits for others where there is room.
    """

    def __init__(self, engine: Engine, size: int, wait_seconds: float) -> None:
        self._engine, self._size, self._wait_seconds = engine, size, wait_seconds
        self._waiting = deque[_Asked]()
        self._is_led = False
        self._changed = threading.Condition()

    def warm_up(self) -> None:
        """Run the engine once on an empty radiograph."""
        self._engine.warm_up()

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        """Assess n radiographs, maybe with those of other threads.

        Parameters
        ----------
        image
            (n, rows, columns, 1) float32 in [0, 1], bone bright. Not changed.
        sex
            (n,) float32: 1 male, 0 female, NaN unknown. Not changed.

        Returns
        -------
        Predictions
            In the same order.

        Raises
        ------
        ValueError
            If the shapes are not those of the card, or a sex is another number.
        """
        asked = _Asked(image, sex)
        with self._changed:
            self._waiting.append(asked)
            asked.leads, self._is_led = not self._is_led, True
            self._changed.notify()
        while not asked.is_answered:
            if asked.leads:
                self._ask_for_all()
            else:
                asked.turn.wait()
                asked.turn.clear()
        if asked.error is not None:
            raise asked.error
        assert asked.answer is not None
        return asked.answer

    def _ask_for_all(self) -> None:
        """Ask for those that wait, of whom the one who leads is the first, and let the next one lead."""
        batch = self._gathered()
        try:
            self._answer(batch)
        finally:
            with self._changed:
                for one in batch:
                    one.turn.set()
                self._is_led = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].leads = True
                    self._waiting[0].turn.set()

    def _gathered(self) -> list[_Asked]:
        with self._changed:
            if self._wait_seconds:
                self._changed.wait_for(lambda: self._count() >= self._size, self._wait_seconds)
            batch = [self._waiting.popleft()]
            room = self._size - len(batch[0].sex)
            while self._waiting and len(self._waiting[0].sex) <= room and _fits(batch[0], self._waiting[0]):
                batch.append(self._waiting.popleft())
                room -= len(batch[-1].sex)
            return batch

    def _count(self) -> int:
        return sum(len(one.sex) for one in self._waiting)

    def _answer(self, batch: Sequence[_Asked]) -> None:
        if len(batch) > 1:
            try:
                found = self._engine.predict(*(np.concatenate(parts) for parts in _parts(batch)))
            except Exception:  # noqa: BLE001  of whom it is shows when each is asked by itself
                self._answer_each(batch)
                return
            edges = np.cumsum([len(one.sex) for one in batch])
            for one, end in zip(batch, edges.tolist(), strict=True):
                one.answer = _some(found, end - len(one.sex), end)
        else:
            self._answer_each(batch)

    def _answer_each(self, batch: Sequence[_Asked]) -> None:
        for one in batch:
            try:
                one.answer = self._engine.predict(one.image, one.sex)
            except Exception as error:  # noqa: BLE001  it is raised where it was asked
                one.error = error


def _fits(one: _Asked, other: _Asked) -> bool:
    return one.image.shape[1:] == other.image.shape[1:]


def _parts(batch: Sequence[_Asked]) -> tuple[list[Float32], list[Float32]]:
    return [one.image for one in batch], [one.sex for one in batch]


def _some(found: Predictions, start: int, end: int) -> Predictions:
    """Return the predictions of some of a batch, as if these had been asked about alone."""
    columns: dict[str, Any] = {one.name: getattr(found, one.name) for one in fields(Predictions)}
    for name, values in columns.items():
        columns[name] = None if values is None else values[start:end]
    return Predictions(**columns)
