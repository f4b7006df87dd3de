"""A folder of PNGs with a ``labels.csv``, as the RSNA bone age set comes: each picture with its sex and bone age.

After it: ``carpus.wrap`` makes DX images of them, one at a time.
"""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydicom.dataset import Dataset

from carpus.outgoing import NotSendableError, Outgoing, Reference, Unsendable, wrapped
from carpus.wrap import wrap
from db.tables import MAX_BONE_AGE_MONTHS

LABELS = "labels.csv"
ISSUER = "RSNA"
METHOD = "bone age of labels.csv"
_SEXES = frozenset({"M", "F", "O", ""})


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
    for number, row in _rows(folder / LABELS):
        try:
            yield _picture(folder / row["file"], folder, row["sex"], float(row["bone_age_months"]))
        except (KeyError, TypeError, ValueError) as error:
            raise NotSendableError(
                f"{folder / LABELS}, line {number}: expected file, sex and bone_age_months ({error!r})"
            ) from error


def _rows(labels: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with the number of its line."""
    try:
        with labels.open(newline="", encoding="utf-8-sig") as file:  # as spreadsheets write it
            yield from enumerate(csv.DictReader(file), start=2)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NotSendableError(f"{labels}: expected CSV in UTF-8 ({error})") from error


def _picture(path: Path, folder: Path, sex: str, bone_age_months: float) -> Outgoing | Unsendable:
    name = str(path.relative_to(folder.parent))
    if sex not in _SEXES:
        return Unsendable(name, f"sex must be M, F, O or empty, not {sex!r}")
    if not 0 <= bone_age_months <= MAX_BONE_AGE_MONTHS:
        return Unsendable(name, f"bone_age_months must be 0 to {MAX_BONE_AGE_MONTHS}, not {bone_age_months:g}")
    if not path.is_file():
        return Unsendable(name, "no such file")
    return wrapped(name, partial(_load, path, sex), Reference(ISSUER, METHOD, bone_age_months))


def _load(path: Path, sex: str) -> Dataset:
    from training.cases import DataError
    from training.sources.png import grey_pixels

    try:
        return wrap(grey_pixels(path), path.stem, ISSUER, sex)
    except DataError as error:
        raise NotSendableError(str(error)) from error
