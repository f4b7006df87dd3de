"""The pictures of cases as the network sees them, made once and kept on disk.

Before it: cases from `training.sources`. Each picture goes through `worker.preprocess` as in serving. After it:
`training.fit` and `training.evaluate`. No TensorFlow is imported, for the processes that make the pictures import this
module.
"""

import fcntl
import hashlib
import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from rich.progress import track

import training.hand.radiograph
import training.phantom.phantom
import worker
from db.errors import CarpusError
from training.cases import Case, Picture, refuse
from worker.preprocess import Preprocessing, preprocess

Result = TypeVar("Result")

_LARGEST_GREY = 255
_WORTH_A_PROCESS = 32  # pictures: starting one takes as long as about so many

# Those of `worker` that decide what a file's pixels become; the cache starts anew when one of them changes.
_CODE = (
    *("area", "attributes", "codestream", "contrast", "crop", "decoders", "grayscale", "image_pixel", "jpeg12"),
    *("limits", "lookup_table", "palm", "pixels", "preprocess", "radiograph", "read", "stored_object"),
)


def images(
    cases: Sequence[Case],
    preprocessing: Preprocessing,
    cache: Path,
    processes: int | None = None,
    *,
    folder: Path = Path(),
) -> npt.NDArray[np.uint8]:
    """Return the pictures of cases, making those that are not yet in the cache; an interrupted call goes on.

    Parameters
    ----------
    cases
        The cases.
    preprocessing
        How the network wants its input.
    cache
        Folder that keeps the pictures.
    processes
        How many work at once; None takes one a core, 1 works in this process.
    folder
        Where the palm detector lies, if the network wants one: the bundle's.

    Returns
    -------
    numpy.ndarray
        (n, rows, columns) uint8, read-only and mapped from disk: the network input times 255, rounded.

    Raises
    ------
    DataError
        Naming every case whose picture cannot be read; the others are kept.
    OSError
        When the disk is full.
    """
    kept = cache / f"pictures-{_key(cases, preprocessing, folder)}"
    kept.mkdir(parents=True, exist_ok=True)
    with _locked(kept):
        return _completed(kept, cases, partial(_make, preprocessing=preprocessing, folder=folder), processes)


def unreadable(pictures: Mapping[str, Picture]) -> list[str]:
    """Try to read every picture, and tell which cannot be.

    Parameters
    ----------
    pictures
        By name of the case.

    Returns
    -------
    list of str
        Name and reason.
    """
    problems = _each(_problem, list(pictures.values()), "reading pictures", None)
    return [f"{name}: {problem}" for name, problem in zip(pictures, problems, strict=True) if problem]


def standard_radiograph(picture: Picture, preprocessing: Preprocessing) -> npt.NDArray[np.uint16]:
    """Return the standard radiograph of a picture; a drawn one as large as a network needs it.

    Parameters
    ----------
    picture
        Of a case.
    preprocessing
        How the network wants its input.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint16, bone bright.

    Raises
    ------
    CarpusError
        When it cannot be read.
    """
    # An eighth larger than the network input: resizing then shrinks, as it does for a radiograph, at little cost.
    return picture.standard_radiograph(max(preprocessing.rows, preprocessing.columns) * 9 // 8)


def seen(
    radiograph: npt.NDArray[np.uint16], preprocessing: Preprocessing, folder: Path = Path()
) -> npt.NDArray[np.uint8]:
    """Return a standard radiograph as the network sees it.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright. Not changed.
    preprocessing
        How the network wants its input.
    folder
        Where the palm detector lies, if the network wants one: the bundle's.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint8: the network input times 255, rounded.
    """
    return np.rint(preprocess(radiograph, preprocessing, folder)[..., 0] * _LARGEST_GREY).astype(np.uint8)


def digest(cases: Sequence[Case], images: npt.NDArray[np.uint8]) -> str:
    """Return a SHA-256 of what is learned from: labels and pixels.

    Parameters
    ----------
    cases
        The cases.
    images
        (n, rows, columns) uint8, theirs, from `images`.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    sha256 = hashlib.sha256(repr(images.shape).encode())
    for case, image in zip(cases, images, strict=True):
        sha256.update(f"{case.sex} {case.bone_age_months!r}\n".encode())
        sha256.update(image)
    return sha256.hexdigest()


def _completed(
    folder: Path, cases: Sequence[Case], make: partial[npt.NDArray[np.uint8] | str], processes: int | None
) -> npt.NDArray[np.uint8]:
    preprocessing: Preprocessing = make.keywords["preprocessing"]
    shape = (len(cases), preprocessing.rows, preprocessing.columns)
    if not (folder / "images.npy").exists():
        (folder / "is_made.npy").unlink(missing_ok=True)  # it speaks of pictures that somebody removed
    pictures, is_made = _mapped(folder / "images.npy", shape), _mapped(folder / "is_made.npy", shape[:1])
    missing = np.flatnonzero(is_made == 0).tolist()
    made = _each(make, [cases[index].picture for index in missing], "preparing pictures", processes)
    problems = []
    for index, picture in zip(missing, made, strict=True):
        if isinstance(picture, str):
            problems.append(f"{cases[index].name}: {picture}")
        else:
            pictures[index] = picture
            is_made[index] = 1
    pictures.flush()
    is_made.flush()
    refuse(problems)
    pictures.flags.writeable = False
    return pictures


def _key(cases: Sequence[Case], preprocessing: Preprocessing, folder: Path) -> str:
    """Return a SHA-256 that changes with the pictures asked for, and with the code that makes them."""
    reading = Path(worker.__file__).parent
    drawings = [
        Path(module).parent for module in (training.phantom.phantom.__file__, training.hand.radiograph.__file__)
    ]
    sources = [path for folder in drawings for path in sorted(folder.rglob("*")) if path.suffix in {".py", ".toml"}]
    sources += [reading / f"{module}.py" for module in _CODE]
    sources += [Path(__file__), *sorted((Path(__file__).parent / "sources").glob("*.py"))]
    sha256 = hashlib.sha256(f"{preprocessing.model_dump_json()} OpenCV {cv2.__version__}".encode())
    for case in cases:
        sha256.update(f"{case.picture!r}\n".encode())
    if preprocessing.crop_model is not None:
        sources.append(folder / preprocessing.crop_model)
    for source in sources:
        sha256.update(source.read_bytes())
    return sha256.hexdigest()


def _make(picture: Picture, preprocessing: Preprocessing, folder: Path) -> npt.NDArray[np.uint8] | str:
    """Return the picture, or why there is none."""
    try:
        return seen(standard_radiograph(picture, preprocessing), preprocessing, folder)
    except (CarpusError, OSError) as error:
        return str(error)


def _problem(picture: Picture) -> str | None:
    try:
        picture.standard_radiograph()
    except (CarpusError, OSError) as error:
        return str(error)
    return None


def _each(
    work: Callable[[Picture], Result], pictures: Sequence[Picture], description: str, processes: int | None
) -> Iterator[Result]:
    if not pictures:
        return
    show_progress = partial(track, description=description, total=len(pictures))
    chosen = processes or min(os.cpu_count() or 1, math.ceil(len(pictures) / _WORTH_A_PROCESS))
    if chosen == 1:
        yield from show_progress(map(work, pictures))
        return
    # Spawned, not forked: TensorFlow may already be loaded. One OpenCV thread each, for every core has its process.
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(chosen, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from show_progress(pool.imap(work, pictures, chunksize=8))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make pictures; another that wants the same ones waits for them."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _mapped(path: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    if not path.exists():
        fresh = path.with_suffix(".fresh")
        file = np.lib.format.open_memmap(fresh, mode="w+", dtype=np.uint8, shape=shape)
        with fresh.open("r+b") as allocated:  # else a disk that becomes full would end the process without a word
            os.posix_fallocate(allocated.fileno(), 0, file.offset + file.nbytes)
        fresh.replace(path)
    return np.lib.format.open_memmap(path, mode="r+", dtype=np.uint8, shape=shape)
