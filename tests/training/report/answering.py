"""An engine whose answers are known, and the cases it is asked about: no network has to be built."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from db.vocabulary import Sex
from tests.narrow_bundle import card
from worker.bundle import Bundle
from worker.card import TrainingCost
from worker.preprocess import Preprocessing

SIZE = 16
COST = TrainingCost(
    seconds=5400, peak_memory_bytes=2_000_000_000, ms_per_step=80, epochs=8, initial_weights="none", device="2 cores"
)


@dataclass(frozen=True)
class Hand:
    """A radiograph as a source gives it."""

    name: str
    sex: Sex
    bone_age_months: float
    chronological_age_months: float | None

    @property
    def picture(self) -> "Hand":
        return self

    def standard_radiograph(self, rows: int) -> np.ndarray:
        return np.full((rows, rows), 257 * self.bone_age_months, np.uint16)

    @property
    def patient(self) -> str:
        return self.name


HANDS = [
    Hand(f"hand <{number}>", Sex.MALE if number % 2 else Sex.FEMALE, 12.0 + 6 * number, 14.0 + 6 * number)
    for number in range(36)
]
# The mean grey value of each picture is its bone age.
IMAGES = np.stack([np.full((SIZE, SIZE), hand.bone_age_months) for hand in HANDS]).astype(np.uint8)


class KnownEngine:
    """Reads the bone age off the grey value, some months too high, or its stage, with certainty."""

    def __init__(self, too_high_months: float = 0.0, *, gives_stages: bool = False) -> None:
        self._too_high_months, self._gives_stages = too_high_months, gives_stages

    def warm_up(self) -> None:
        pass

    def predict(self, image: np.ndarray, sex: np.ndarray) -> Any:
        months = (np.rint(255 * image.mean(axis=(1, 2, 3))) + self._too_high_months).astype(np.float32)
        stages = np.eye(3, dtype=np.float32)[np.digitize(months, (120, 216))] if self._gives_stages else None
        return SimpleNamespace(
            bone_age_months=np.full_like(months, np.nan) if self._gives_stages else months,
            stage_probabilities=stages,
            heat_map=np.ones((len(sex), 4, 4), np.float32),
        )


def bundle_in(folder: Path, name: str = "narrow", cost: TrainingCost | None = None) -> Bundle:
    """Return a bundle with nothing in its folder but 1,000 bytes."""
    folder.mkdir(exist_ok=True)
    (folder / "network.keras").write_bytes(bytes(1000))
    plain = Preprocessing(rows=SIZE, columns=SIZE)
    described = card().model_copy(update={"name": name, "preprocessing": plain, "training_cost": cost})
    return Bundle(folder, described, "0" * 64)
