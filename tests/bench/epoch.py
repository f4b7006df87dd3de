"""An epoch of the recipe `xception_256` beside one of the obvious Keras script, on the same pictures, in turns."""

import csv
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from rich.table import Table

from tests.bench.epoch_script import Script
from training import cache, recipe
from training.batches import Epoch, Labelled
from training.cases import Part
from training.recipe import Recipe
from training.sources import open_source
from training.sources.phantoms import phantoms
from worker.engines.tensorflow import prepare_tensorflow

ROWS = 1632  # by 1336 or so: 2.2 megapixels
DRAWN_ROWS = 512
HANDS = 25  # drawn; each is shown several times with other noise
NOISE = 1.0  # of 255: a PNG is as large as one of the RSNA set, 2.4 bits a pixel
EPOCHS = 4
WATCHED = 4  # one for validation to so many for training, as in the recipe

Times = dict[str, list[float]]


def measure() -> Table:
    """Fit a quarter of the width to 100 radiographs, in a minute or two."""
    return compare(radiographs=100, width=0.25)


def measure_whole() -> Table:
    """Fit the recipe's width to 500 radiographs, in half an hour or so."""
    return compare(radiographs=500, width=1.0)


def compare(radiographs: int, width: float) -> Table:
    """Run epochs of both in turns and print the first, the median of the others, and where ours went."""
    prepare_tensorflow()
    phases = f"fit.phases=[{{epochs={EPOCHS}}}]"
    wanted = recipe.load("xception_256", [f"network.width={width}", "network.weights='none'", phases])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        months = {part: _write(folder / part, part, count) for part, count in _counts(radiographs).items()}
        took = _in_turns(wanted, Script(folder, months, wanted), folder)
    pictures = f"{radiographs} PNGs of 2.2 megapixels, and a quarter as many for validation"
    return _table(took, f"xception_256 × {width:g}, batches of {wanted.fit.batch_size}, {pictures}")


def _counts(radiographs: int) -> dict[Part, int]:
    return {Part.TRAINING: radiographs, Part.VALIDATION: radiographs // WATCHED}


def _write(folder: Path, part: Part, count: int) -> list[int]:
    """Write drawn radiographs and their labels, and return these in the order of the files' names."""
    folder.mkdir()
    hands = phantoms(part, min(HANDS, count))
    drawn = [hand.picture.standard_radiograph(DRAWN_ROWS) for hand in hands]
    with (folder / "labels.csv").open("w", newline="") as file:
        labels = csv.writer(file)
        labels.writerow(["file", "sex", "bone_age_months"])
        for number in range(count):
            hand, name = hands[number % len(hands)], f"{number:04}.png"
            _write_picture(folder / name, drawn[number % len(hands)], number)
            labels.writerow([name, hand.sex, round(hand.bone_age_months)])
    return [round(hands[number % len(hands)].bone_age_months) for number in range(count)]


def _write_picture(path: Path, drawn: np.ndarray, seed: int) -> None:
    scale = ROWS / len(drawn)
    image = cv2.resize(drawn, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) / 257
    image += np.random.default_rng(seed).normal(0, NOISE, image.shape)
    cv2.imwrite(str(path), np.clip(np.rint(image), 0, 255).astype(np.uint8))


def _in_turns(wanted: Recipe, script: Script, folder: Path) -> Times:
    """Return seconds by what they were for, an entry for each epoch."""
    from training import loop
    from training.checkpoint import Checkpoint

    took: Times = defaultdict(list)
    with _timed(took, "pictures"):
        labelled = [_labelled(wanted, folder / part, folder / "cache") for part in _counts(0)]
    ours, save = loop._epoch, Checkpoint.save

    def epoch(*arguments: Any) -> Any:
        with _timed(took, "script"):
            script.epoch()
        with _timed(took, "ours"):
            result = ours(*arguments)
        took["validation"].append(took["ours"][-1] - result.seconds)
        took["steps"].append(result.seconds)
        took["step, ms"].append(result.ms_per_step)
        with patch("training.loop.shared_out", _from_memory):
            took["from memory"].append(ours(*arguments).seconds)
        return result

    def timed_save(*arguments: Any) -> None:
        with _timed(took, "saved"):
            save(*arguments)

    with patch.object(loop, "_epoch", epoch), patch.object(Checkpoint, "save", timed_save):
        loop.fit_network(wanted, 0, (labelled[0], labelled[1]), folder / "run")
    return took


def _labelled(wanted: Recipe, folder: Path, kept: Path) -> Labelled:
    cases = open_source(f"rsna:{folder}").chosen(None, {}, 0)
    return Labelled(cache.images(cases, wanted.preprocessing, kept), cases)


def _from_memory(epoch: Epoch, batches: int, _: Any) -> Iterator[Any]:
    """Return as many batches of the same kind, which cost nothing to make."""
    from training.pipeline import epoch_dataset

    one = epoch.batch(0)
    return iter(epoch_dataset(lambda _: one, batches))


@contextmanager
def _timed(took: Times, what: str) -> Iterator[None]:
    started = perf_counter()
    yield
    took[what].append(perf_counter() - started)


def _table(took: Times, title: str) -> Table:
    table = Table(title, "first epoch", "later ones, median", title="epoch")
    ours, script = _sums(took["ours"], took["saved"]), took["script"]
    whole = [ours[0] + sum(took["pictures"]), *ours[1:]]
    ratios = [one / other for one, other in zip(script, whole, strict=True)]
    epochs = {"the obvious script, s": script, "ours, pictures in the first, s": whole, "script / ours": ratios}
    parts = {
        "ours: pictures, s": [sum(took["pictures"]), 0.0],
        "ours: steps, tracing in the first, s": took["steps"],
        "ours: steps from memory, s": [0.0, *took["from memory"][1:]],
        "ours: validation, s": took["validation"],
        "ours: weights kept, s": took["saved"],
        "ours: a step, ms": took["step, ms"],
    }
    for name, values in (epochs | parts).items():
        table.add_row(name, *(f"{value:.2f}" if value else "" for value in (values[0], median(values[1:]))))
    return table


def _sums(*parts: list[float]) -> list[float]:
    return [sum(of_one) for of_one in zip(*parts, strict=True)]
