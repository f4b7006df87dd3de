"""What both objects have in common: where they are filed, by whom they were made, and when.

Used by :mod:`report` and :mod:`picture`.

References
----------
DICOM PS3.3 C.7.5.1 and C.7.5.2 (equipment), C.12.1 (SOP common), C.17.1 and C.8.6.1 (SR and SC equipment).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from db.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from db.vocabulary import ResultObject
from worker.deliver.result import Result
from worker.deliver.source import LOSS
from worker.deliver.uids import derived

# Far from those that modalities count up from 1.
SERIES_NUMBERS: Final[Mapping[str, int]] = {ResultObject.REPORT: 9001, ResultObject.PICTURE: 9002}


_OF_THE_SOURCE: Final = frozenset({"SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", *LOSS})


@dataclass(frozen=True)
class Reference:
    """An object in an archive."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True)
class Uids:
    """The UIDs of one object; each in a series of its own."""

    instance: str
    series: str
    tracking: str

    @classmethod
    def of(cls, instance: str) -> "Uids":
        """Return the others by that of the instance."""
        return cls(instance, derived(instance, "series"), derived(instance, "tracking"))


def file_in_study(made: Dataset, source: Dataset) -> None:
    """Put an object into the study of the one it is about, under the same patient.

    Parameters
    ----------
    made
        Its texts in ASCII, for they come under the character set of the source. Changed in place.
    source
        As `worker.deliver.source.source_header` gives it. Not changed.
    """
    made.pop("SpecificCharacterSet", None)
    for tag in source.keys():  # noqa: SIM118  a data set iterates over its elements, and converts them
        if keyword_for_tag(tag) not in _OF_THE_SOURCE:
            made[tag] = source.get_item(tag)  # as it is, not looked at


def stamp(made: Dataset, result: Result) -> None:
    """Say on an object by what it was made, and when: when it was assessed, so that it is the same whenever it is sent.

    Parameters
    ----------
    made
        Changed in place.
    result
        What it is about.
    """
    made.ManufacturerModelName = plain(f"Carpus, {result.model_name}")[:64]
    made.DeviceSerialNumber = result.model_sha256[:16]
    made.SoftwareVersions = plain(result.model_version)[:64]
    at = result.assessed_at.astimezone()  # local, as the dates of the study are
    made.ContentDate = made.InstanceCreationDate = made.SeriesDate = at.strftime("%Y%m%d")
    made.ContentTime = made.InstanceCreationTime = made.SeriesTime = at.strftime("%H%M%S")
    made.InstanceCreatorUID = IMPLEMENTATION_CLASS_UID
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    meta.TransferSyntaxUID = made.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    made.file_meta = meta


def plain(words: str) -> str:
    """Return words in ASCII, which every character set of a source has."""
    decomposed = unicodedata.normalize("NFKD", words.replace("–", "-").replace("×", "x").replace("’", "'"))
    return decomposed.encode("ascii", "ignore").decode()
