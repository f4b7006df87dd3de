"""A folder of DICOM files with a table of labels.

Before it: the folder. After it: `training.split` and `training.cache`, which reads each file by `worker.read` as the
worker does.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset

from db.errors import RejectedRadiographError
from training.cases import DataError
from training.sources.labels import M_OR_F, Found, Layout, cases, files
from training.sources.source import Collected, pseudonym
from worker.attributes import rejecting
from worker.read import LONG_SIDE_PIXELS, read

_LAYOUTS = (
    Layout("file", "sex", "bone_age_months", M_OR_F),
    Layout("sop_instance_uid", "sex", "bone_age_months", M_OR_F),
)
_KEYWORDS = ["SOPInstanceUID", "PatientID", "IssuerOfPatientID"]


@dataclass(frozen=True)
class DicomFile:
    """A DICOM file as it was when it was found; the cache knows it by path, size and time of change."""

    path: Path
    size_bytes: int
    modified_ns: int

    @classmethod
    def at(cls, path: Path) -> "DicomFile":
        """Return the file at a path."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)

    def standard_radiograph(self, rows: int = LONG_SIDE_PIXELS) -> npt.NDArray[np.uint16]:
        """Read it as the worker does."""
        return read(self.path)


def open_folder(folder: Path) -> Collected:
    """Return the labelled DICOM files of a folder.

    Parameters
    ----------
    folder
        With a table of file or sop_instance_uid, sex (M or F) and bone_age_months; patient_id and
        chronological_age_months may be there, too.

    Returns
    -------
    Collected
        Where the table says no patient_id, the patient is that of PatientID and IssuerOfPatientID; without one, each
        radiograph is taken for a patient of its own.

    Raises
    ------
    DataError
        Telling all that is wrong.
    """
    found = cases(folder, _LAYOUTS, partial(_find, _ByUid(folder)))
    return Collected(f"{len(found):,} labelled radiographs in DICOM", tuple(found))


class _ByUid:
    """The files of a folder by SOP Instance UID; they are looked through when the first is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: Mapping[str, list[Path]] | None = None

    def __getitem__(self, sop_instance_uid: str) -> list[Path]:
        if self._paths is None:
            self._paths = _paths_by_uid(self._folder)
        return self._paths.get(sop_instance_uid, [])


def _paths_by_uid(folder: Path) -> Mapping[str, list[Path]]:
    paths = defaultdict[str, list[Path]](list)
    for path in files(folder):
        header = _header(path)
        if header is not None:
            paths[str(header.get("SOPInstanceUID", ""))].append(path)
    return paths


def _find(by_uid: _ByUid, folder: Path, column: str, value: str) -> Found:
    if column == "file":
        existing = [path for path in (folder / value,) if path.is_file()]
    else:
        existing = [path for path in by_uid[value] if path.is_relative_to(folder)]
    if len(existing) != 1:
        raise DataError(
            f"there are {len(existing)} files {value}, expected 1" if existing else f"there is no file {value}"
        )
    header = _header(existing[0])
    if header is None:
        raise DataError(f"{existing[0].name} cannot be read as DICOM: it is damaged, cut off or something else")
    patient_id = str(header.get("PatientID") or "")
    issuer = str(header.get("IssuerOfPatientID") or "")
    return Found(DicomFile.at(existing[0]), pseudonym(issuer, patient_id) if patient_id else None)


def _header(path: Path) -> Dataset | None:
    """Return the elements looked at here, or None where the file is no DICOM file."""
    try:
        with rejecting("no DICOM file"):
            header = dcmread(path, stop_before_pixels=True, specific_tags=_KEYWORDS)
            for element in header:  # converted only when looked at
                str(element.value)
            return header
    except RejectedRadiographError:
        return None
