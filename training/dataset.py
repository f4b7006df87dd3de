"""The drawn hands of a training run: which there are, and their pictures as the network sees them, drawn once.

Before it: `training.recipe` says how many. Each is drawn by `training.phantom` and goes through `worker.preprocess` as
a radiograph would. After it: `training.fit` and `training.evaluate`. No TensorFlow is imported, for the drawing
processes import this module.
"""

import hashlib
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from rich.progress import track

import training.phantom
import worker.preprocess
from db.vocabulary import Sex
from training.phantom import draw
from worker.preprocess import Preprocessing, preprocess

MIN_BONE_AGE_MONTHS = 1.0
MAX_BONE_AGE_MONTHS = 228.0

# Mean and standard deviation of the ages in the RSNA training set (Halabi et al., 2019, doi:10.1148/radiol.2018180736).
_RSNA_MEAN_MONTHS = 127.3
_RSNA_SD_MONTHS = 41.2

_LARGEST_GREY = 255


class Split(IntEnum):
    """What a drawn hand is for; the value is its first seed, so that no hand serves two purposes."""

    TRAINING = 0
    VALIDATION = 1_000_000_000
    HELD_OUT = 2_000_000_000


@dataclass(frozen=True)
class Subject:
    """The arguments of one drawing."""

    bone_age_months: float
    sex: Sex
    seed: int


def subjects(split: Split, count: int) -> list[Subject]:
    """Return the hands of a split.

    Half of the ages are uniform over all ages, so that the few infants and adults are learned too; half follow
    the distribution of the RSNA training set, so that most effort goes where most radiographs are.

    Parameters
    ----------
    split
        What they are for.
    count
        How many; fewer are the first of more.

    Returns
    -------
    list of Subject
        Ages from 1 to 228 months, the sexes even.
    """
    return [_subject(seed) for seed in range(split, split + count)]


def images(
    hands: list[Subject], preprocessing: Preprocessing, cache: Path, processes: int | None = None
) -> npt.NDArray[np.uint8]:
    """Return the pictures of hands, drawing those that are not yet in the cache; an interrupted call goes on.

    Parameters
    ----------
    hands
        The hands.
    preprocessing
        How the network wants its input.
    cache
        Folder that keeps the drawn pictures.
    processes
        How many draw at once; None takes one a core, 1 draws in this process.

    Returns
    -------
    numpy.ndarray
        (n, rows, columns) uint8, read-only and mapped from disk: the network input times 255, rounded.
    """
    folder = cache / f"phantoms-{digest(hands, preprocessing)}"
    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(hands), preprocessing.rows, preprocessing.columns)
    if not (folder / "images.npy").exists():
        (folder / "is_drawn.npy").unlink(missing_ok=True)  # it speaks of pictures that somebody removed
    pictures, is_drawn = _mapped(folder / "images.npy", shape), _mapped(folder / "is_drawn.npy", shape[:1])
    missing = np.flatnonzero(is_drawn == 0).tolist()
    draw_one = partial(_draw, preprocessing=preprocessing)
    drawn = _drawn(draw_one, [hands[index] for index in missing], processes or os.cpu_count() or 1)
    if missing:
        for index, picture in zip(missing, track(drawn, "drawing hands", total=len(missing)), strict=True):
            pictures[index] = picture
            is_drawn[index] = 1
        pictures.flush()
        is_drawn.flush()
    pictures.flags.writeable = False
    return pictures


def digest(hands: list[Subject], preprocessing: Preprocessing) -> str:
    """Return a SHA-256 that changes with the hands, and with the code that draws and preprocesses them.

    Parameters
    ----------
    hands
        The hands.
    preprocessing
        How the network wants its input.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    drawing = Path(training.phantom.__file__).parent
    sources = [path for path in sorted(drawing.rglob("*")) if path.suffix in {".py", ".toml"}]
    sha256 = hashlib.sha256(f"{hands}{preprocessing.model_dump_json()}".encode())
    for source in [*sources, Path(worker.preprocess.__file__)]:
        sha256.update(source.read_bytes())
    return sha256.hexdigest()


def _subject(seed: int) -> Subject:
    rng = np.random.default_rng([seed, 1])  # 1: other numbers than those of the drawing, which starts from `seed`
    uniform = rng.uniform(MIN_BONE_AGE_MONTHS, MAX_BONE_AGE_MONTHS)
    as_in_rsna = rng.normal(_RSNA_MEAN_MONTHS, _RSNA_SD_MONTHS)
    months = uniform if rng.random() < 0.5 else as_in_rsna  # noqa: PLR2004  half of each
    sex = Sex.MALE if rng.random() < 0.5 else Sex.FEMALE  # noqa: PLR2004  half of each
    return Subject(float(np.clip(months, MIN_BONE_AGE_MONTHS, MAX_BONE_AGE_MONTHS)), sex, seed)


def _draw(subject: Subject, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    # An eighth larger than the network input: resizing then shrinks, as it does for a radiograph, at little cost.
    rows = max(preprocessing.rows, preprocessing.columns) * 9 // 8
    image = draw(subject.bone_age_months, subject.sex, subject.seed, rows=rows).image
    return np.rint(preprocess(image, preprocessing)[..., 0] * _LARGEST_GREY).astype(np.uint8)


def _drawn(
    draw_one: partial[npt.NDArray[np.uint8]], missing: list[Subject], processes: int
) -> Iterator[npt.NDArray[np.uint8]]:
    if processes == 1:
        yield from map(draw_one, missing)
        return
    # Spawned, not forked: TensorFlow may already be loaded. One OpenCV thread each, for every core has its process.
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(processes, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from pool.imap(draw_one, missing, chunksize=8)


def _mapped(path: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    return np.lib.format.open_memmap(path, mode="r+" if path.exists() else "w+", dtype=np.uint8, shape=shape)
