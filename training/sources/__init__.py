"""Where cases come from, a file each. Before it: ``--data``. After it: `training.split` and `training.cache`."""

from pathlib import Path
from typing import TYPE_CHECKING

from training.cases import DataError

if TYPE_CHECKING:
    from training.sources.phantoms import Drawings
    from training.sources.source import Source

KINDS = "phantoms:N, hands:N or both:N (from 1 up), rsna:FOLDER, dicom:FOLDER or database"
_DRAWINGS: "dict[str, Drawings]" = {"phantoms": "phantom", "hands": "hand", "both": "both"}


def open_source(data: str) -> "Source":
    """Return what ``--data`` names.

    Parameters
    ----------
    data
        ``phantoms:N``, ``hands:N`` or ``both:N`` (from 1 up), ``rsna:FOLDER``, ``dicom:FOLDER`` or ``database``.

    Returns
    -------
    Source
        With its labels checked; pictures are read by `training.cache`.

    Raises
    ------
    DataError
        If it names something else, or telling all that is wrong in the data.
    """
    # Imported here: the processes that make pictures import this package, and need one of them.
    from training.sources import database, dicom, phantoms, rsna

    match data.partition(":"):
        case kind, ":", count if kind in _DRAWINGS and count.isdecimal() and 0 < int(count) <= phantoms.MAX_HANDS:
            return phantoms.Drawn(int(count), _DRAWINGS[kind])
        case "rsna", ":", folder if folder:
            return rsna.open_folder(Path(folder))
        case "dicom", ":", folder if folder:
            return dicom.open_folder(Path(folder))
        case "database", "", "":
            return database.open_database()
    raise DataError(f"expected {KINDS}, received {data}")
