"""A hundred pictures that are no whole hand, as standard radiographs: other body parts, drawn by code, and halves."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from db.vocabulary import Sex
from training.phantom import draw
from worker.read import read

# Chests, a leg, slices, a bone scan and test patterns that the worker can read.
FILES = (
    "RG1_J2KI.dcm",
    "Monochrome1-Jpeg.dcm",
    "RG3_UNC.dcm",
    "JPEG-LL.dcm",
    "bad_sequence.dcm",
    "explicit_VR-UN.dcm",
    "JLSL_16_15_1_1F.dcm",
    "mlut_18.dcm",
    "vlut_04.dcm",
)
_ROWS, _COLUMNS = 300, 240
_HALVED = ((40, Sex.FEMALE), (90, Sex.MALE), (130, Sex.FEMALE), (170, Sex.MALE), (210, Sex.MALE))


def non_hands(shared_data: Path) -> dict[str, np.ndarray]:
    """Return all of them by name, (rows, columns) uint16 each, the same each time."""
    rng = np.random.default_rng(0)
    found = {name: read(shared_data / "dicom" / name) for name in FILES}
    for kind in (_noise, _clouds, _text, _gradients, _ellipses, _checks, _stripes, _polygons, _empty):
        found |= {f"{kind.__name__[1:]} {number}": one for number, one in enumerate(kind(rng))}
    return found | dict(_halves())


def _stretched(picture: np.ndarray) -> np.ndarray:
    grey = picture.astype(np.float64) - picture.min()
    return (grey / max(grey.max(), 1e-9) * 65_535).astype(np.uint16)


def _noise(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(5):
        yield rng.integers(0, 65_536, (_ROWS, _COLUMNS)).astype(np.uint16)


def _clouds(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for number in range(10):
        yield _stretched(cv2.GaussianBlur(rng.random((_ROWS, _COLUMNS)), (0, 0), 2 ** (number % 5 + 1)))


def _text(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for number in range(10):
        page = np.zeros((_ROWS, _COLUMNS), np.uint8)
        for baseline in range(20, _ROWS, 18):
            line = "".join(rng.choice(list("abcdefghijklmnop  "), 22))
            cv2.putText(page, line, (8, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
        yield _stretched(page if number % 2 else 255 - page)


def _gradients(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(5):
        down, across = rng.random(2)
        yield _stretched(np.add.outer(np.linspace(0, down, _ROWS), np.linspace(0, across, _COLUMNS)))


def _ellipses(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for number in range(14):
        picture = np.zeros((_ROWS, _COLUMNS), np.uint8)
        for _ in range(number + 1):
            centre, axes = rng.integers(20, 220, 2).tolist(), rng.integers(8, 70, 2).tolist()
            cv2.ellipse(picture, centre, axes, rng.random() * 180, 0, 360, int(rng.integers(60, 255)), -1)
        yield _stretched(cv2.GaussianBlur(picture, (0, 0), 2))


def _checks(_: np.random.Generator) -> Iterator[np.ndarray]:
    for side in range(8, 48, 8):
        yield _stretched(np.kron(np.indices((_ROWS // side, _COLUMNS // side)).sum(axis=0) % 2, np.ones((side, side))))


def _stripes(_: np.random.Generator) -> Iterator[np.ndarray]:
    for length in range(3, 23, 4):
        yield _stretched(np.tile(np.sin(np.arange(_ROWS) / length)[:, np.newaxis], _COLUMNS))


def _polygons(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for number in range(14):
        picture = np.zeros((_ROWS, _COLUMNS), np.uint8)
        for _ in range(3 + number):
            corners = rng.integers(0, _COLUMNS, (4, 2)).astype(np.int32)
            cv2.fillPoly(picture, [corners], int(rng.integers(60, 255)))
        yield _stretched(picture)


def _empty(_: np.random.Generator) -> Iterator[np.ndarray]:
    for grey in (0, 30_000, 65_535):
        yield np.full((_ROWS, _COLUMNS), grey, np.uint16)


def _halves() -> Iterator[tuple[str, np.ndarray]]:
    for number, (months, sex) in enumerate(_HALVED):
        hand = draw(months, sex, 900 + number, rows=_ROWS).image
        middle_row, middle_column = hand.shape[0] // 2, hand.shape[1] // 2
        yield f"upper half {number}", hand[:middle_row]
        yield f"lower half {number}", hand[middle_row:]
        yield f"left half {number}", hand[:, :middle_column]
        yield f"right half {number}", hand[:, middle_column:]
