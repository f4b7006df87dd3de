"""One picture of many radiographs, each beside its Grad-CAM overlay, for looking at them together."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from carpus.followed import Followed
from worker import explain, radiograph
from worker.preprocess import Preprocessing

ACROSS = 4
TILE_ROWS, TILE_COLUMNS = 320, 512
CAPTION_ROWS = 66  # three lines
_MARGIN = 6
_REVIEW_LINE = 2
_FONT, _FONT_SCALE, _WHITE = cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235)
_AMBER = (255, 176, 0)  # seen as well by the colour blind


def write(followed: Sequence[Followed], store: Path, bundle: Path, path: Path) -> int:
    """Write a contact sheet of the radiographs that have a result.

    Parameters
    ----------
    followed
        The radiographs.
    store
        Where their standard radiographs lie.
    bundle
        Folder of the model that assessed them.
    path
        Where to, ending in ``.png``.

    Returns
    -------
    int
        How many radiographs are on it; with none, no file is written.
    """
    shown = [one for one in followed if one.is_completed and one.columns["standard_path"]]  # which retention may purge
    tiles = [_tile(one, store, bundle) for one in shown]
    if tiles:
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % ACROSS)
        sheet = np.vstack([np.hstack(tiles[start : start + ACROSS]) for start in range(0, len(tiles), ACROSS)])
        _, encoded = cv2.imencode(".png", sheet[:, :, ::-1])
        path.write_bytes(encoded.tobytes())
    return len(shown)


def _tile(one: Followed, store: Path, bundle: Path) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) uint8 red, green, blue: the radiograph, its overlay, and a line below them."""
    picture = radiograph.load(store / one.columns["standard_path"], one.columns["standard_sha256"])
    notes = one.columns.get("notes") or ()
    preprocessing = Preprocessing.model_validate(one.columns["model_preprocessing"])
    rows, columns = picture.shape
    scale = min((TILE_ROWS - 2 * _MARGIN) / rows, (TILE_COLUMNS / 2 - 2 * _MARGIN) / columns)
    plain = cv2.cvtColor((radiograph.as_shown(picture, notes) // 257).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    heat_map = np.asarray(one.columns["heat_map"], np.float32)
    explained = explain.overlay_as_shown(picture, notes, heat_map, preprocessing, bundle)
    tile = np.zeros((TILE_ROWS + CAPTION_ROWS, TILE_COLUMNS, 3), np.uint8)
    for tile_half, image in zip(np.hsplit(tile, 2), (plain, explained), strict=True):
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = (TILE_ROWS - small.shape[0]) // 2, (TILE_COLUMNS // 2 - small.shape[1]) // 2
        tile_half[top : top + small.shape[0], left : left + small.shape[1]] = small
    for number, line in enumerate(_caption(one)):
        place, colour = (_MARGIN, TILE_ROWS + 16 + 20 * number), _AMBER if number == _REVIEW_LINE else _WHITE
        cv2.putText(tile, line, place, _FONT, _FONT_SCALE, colour, 1, cv2.LINE_AA)
    return tile


def _caption(one: Followed) -> tuple[str, str, str]:
    """Return three lines of ASCII, for OpenCV's font has no more.

    The second is empty where there is no interval, the third where nobody must look first.
    """
    words = [Path(one.name).name, str(one.columns["patient_sex"]), _months(one.columns["bone_age_months"])]
    if one.columns["reference_bone_age_months"] is not None:
        words.append(f"(reference {_months(one.columns['reference_bone_age_months'])})")
    interval = "90% interval {} to {} months".format(*one.interval_months) if one.interval_months else ""
    review = f"needs review: {', '.join(one.review_reasons)}" if one.review_reasons else ""
    return _ascii(" ".join(words)), _ascii(", ".join(filter(None, [interval, one.interval_caveat]))), _ascii(review)


def _ascii(line: str) -> str:
    return line.encode("ascii", "replace").decode()


def _months(value: float | None) -> str:
    return "no one bone age" if value is None else f"{value:.0f} months"
