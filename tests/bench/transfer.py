"""What a network that learned from drawings makes of real radiographs: which drawing is truer.

The recipe `starter` at 128 px, some minutes for each drawing: it does not say how good a starter is. The 29 radiographs
are never learned from, nor is anything chosen by them here; ``docs/starter_log.md`` says what each look at them was
for.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.table import Table

from training import cache
from training.batches import Labelled
from training.cases import Case, Part
from training.loop import fit_network
from training.recipe import load
from training.sources.phantoms import DRAWINGS, Drawing, phantoms
from training.sources.rsna import open_folder
from training.validation import answering
from worker.preprocess import encode_sex

RADIOGRAPHS = Path("../shared/data/hand_radiographs")
HANDS, VALIDATION_HANDS, EPOCHS = 3500, 200, 10
TURNS_DEGREES = (-10, -5, 0, 5, 10)
SIZE = ["preprocessing.rows=128", "preprocessing.columns=128", f"fit.phases=[{{epochs={EPOCHS}}}]"]


def measure() -> Table:
    """Fit to each drawing, and ask about the 29: errors in months, by third of the ages and by sex."""
    table = Table(
        "learned from", "drawn", "29", "5 turns", "young", "middle", "old", "F", "M", title="transfer, MAE in months"
    )
    radiographs = sorted(open_folder(RADIOGRAPHS).cases, key=lambda case: case.bone_age_months)
    with tempfile.TemporaryDirectory() as folder:
        for drawing in DRAWINGS:
            table.add_row(
                f"training.{drawing}", *(f"{error:.1f}" for error in _errors(drawing, radiographs, Path(folder)))
            )
    return table


def _errors(drawing: Drawing, radiographs: Sequence[Case], folder: Path) -> list[float]:
    recipe = load("starter", SIZE)

    def labelled(cases: Sequence[Case]) -> Labelled:
        return Labelled(cache.images(cases, recipe.preprocessing, folder / "cache"), cases)

    parts = {Part.TRAINING: HANDS, Part.VALIDATION: VALIDATION_HANDS}
    learned, validated = (labelled(phantoms(part, count, drawing)) for part, count in parts.items())
    network, history = fit_network(recipe, 0, (learned, validated), folder / drawing)
    answers = _answers(answering(network), labelled(radiographs))
    reference = np.array([case.bone_age_months for case in radiographs])
    middle = TURNS_DEGREES.index(0)
    errors = np.abs(answers.mean(axis=0) - reference)
    is_male = np.array([encode_sex(case.sex) for case in radiographs]) > 0
    thirds = [third.mean() for third in np.array_split(errors, 3)]
    alone = np.abs(answers[middle] - reference).mean()
    return [
        float(history[-1].validation_mae_months or 0.0),
        *(float(one) for one in (alone, errors.mean(), *thirds, errors[~is_male].mean(), errors[is_male].mean())),
    ]


def _answers(answer: Any, labelled: Labelled) -> npt.NDArray[np.float32]:
    """Return (turns, n) months, of the pictures turned about their middle."""
    sex = np.array([encode_sex(case.sex) for case in labelled.cases], np.float32)
    size = labelled.images.shape[2], labelled.images.shape[1]
    middle = (size[0] - 1) / 2, (size[1] - 1) / 2
    answers = []
    for degrees in TURNS_DEGREES:
        turn = cv2.getRotationMatrix2D(middle, degrees, 1)
        turned = np.stack([cv2.warpAffine(np.array(image), turn, size) for image in labelled.images])
        answers.append(np.asarray(answer(turned[..., np.newaxis].astype(np.float32) / 255, sex))[:, 0])
    return np.stack(answers)
