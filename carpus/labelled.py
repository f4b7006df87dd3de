"""A folder of PNGs with a ``labels.csv``, as the RSNA bone age set comes: each picture with its sex and bone age.

After it: ``carpus.wrap`` makes DX images of them, one at a time.
"""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from pydicom.dataset import Dataset

from carpus.outgoing import NotSendableError, Outgoing, Reference, Unsendable, wrapped
from carpus.wrap import Pixels, wrap

LABELS = "labels.csv"
ISSUER = "RSNA"
METHOD = "bone age of labels.csv"
_SEXES = frozenset({"M", "F", "O", ""})
_GREY = {(2, np.dtype(np.uint8)), (2, np.dtype(np.uint16))}  # number of axes, and of what


def has_labels(folder: Path) -> bool:
    """Return whether a folder holds labelled pictures."""
    return (folder / LABELS).is_file()


def pictures(folder: Path) -> Iterator[Outgoing | Unsendable]:
    """Find the pictures that a folder's ``labels.csv`` names, by columns file, sex and bone_age_months.

    Parameters
    ----------
    folder
        Of PNGs, grey, 8 or 16 bit; a file's name without its ending becomes the PatientID.

    Yields
    ------
    Outgoing or Unsendable
        One for each row.

    Raises
    ------
    NotSendableError
        Naming the line that does not hold what it must.
    """
    with (folder / LABELS).open(newline="", encoding="utf-8-sig") as file:  # as spreadsheets write it
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                yield _picture(folder / row["file"], row["sex"], float(row["bone_age_months"]))
            except (KeyError, TypeError, ValueError) as error:
                raise NotSendableError(
                    f"{folder / LABELS}, line {number}: expected file, sex and bone_age_months ({error!r})"
                ) from error


def _picture(path: Path, sex: str, bone_age_months: float) -> Outgoing | Unsendable:
    if sex not in _SEXES:
        return Unsendable(str(path), f"sex must be M, F, O or empty, not {sex!r}")
    if not path.is_file():
        return Unsendable(str(path), "no such file")
    return wrapped(str(path), partial(_load, path, sex), Reference(ISSUER, METHOD, bone_age_months))


def _load(path: Path, sex: str) -> Dataset:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or (picture.ndim, picture.dtype) not in _GREY:
        raise NotSendableError("expected a grey picture of 8 or 16 bit")
    return wrap(cast(Pixels, picture), path.stem, ISSUER, sex)
