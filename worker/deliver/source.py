"""Patient and study of the object that was assessed, for what goes back must be filed beside it.

Before it: the stored object, trusted in nothing. After it: :mod:`report` and :mod:`secondary_capture` copy what stands
here, as it came: Carpus reads no name, and keeps none.
"""

import re
from pathlib import Path
from typing import Any, Final

from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import HTJ2K, JPEG2000, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from db.bounded import is_longer
from db.errors import PermanentError
from worker.deliver.uids import derived
from worker.limits import Limits
from worker.stored_object import open_stored_object

UTF_8: Final = "ISO_IR 192"
_UIDS: Final = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
# Of type 2 in the modules Patient and General Study: present, if only empty.
ALWAYS_PRESENT: Final = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
)
_WHERE_KNOWN: Final = ("IssuerOfPatientID", "PatientAge", "StudyDescription")
# What was lossy once stays so in whatever is made of it; PS3.3 C.7.6.1.1.5.
LOSS: Final = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
IS_LOSSY: Final = "01"
_ALWAYS_LOSSY: Final = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless})
_MAYBE_LOSSY: Final = frozenset({JPEG2000, HTJ2K})  # the element says it, where it is there
_SEXES: Final = frozenset({b"M", b"F", b"O"})
# As the row has it: components with a leading zero, which PS3.5 does not allow, are sent all the same.
_UID: Final = re.compile(r"(?=.{1,64}\Z)[0-9]+([.][0-9]+)*")
_LONGEST_BYTES: Final = 1_024  # far beyond what any of them may have; PS3.5 table 6.2-1


class NoStudyError(PermanentError):
    """The object belongs to no study that a result could be filed in."""


def source_header(path: Path, limits: Limits) -> Dataset:
    """Return what a result takes over from the object that it is about.

    Parameters
    ----------
    path
        The stored object.
    limits
        How large it may be.

    Returns
    -------
    Dataset
        The attributes of patient and study, with the character set they are in, and the object's own UIDs; and whether
        its pixels have lost anything.

    Raises
    ------
    RejectedRadiographError, TransientError
        As in `worker.stored_object.open_stored_object`.
    NoStudyError
        When it names no study.
    """
    found = open_stored_object(path, limits)
    header = Dataset()
    if character_set := _character_set(found):
        header.SpecificCharacterSet = character_set
    for keyword in (*_UIDS, *ALWAYS_PRESENT, *_WHERE_KNOWN, *LOSS):
        value = _value(found, keyword)
        if value is not None or keyword in ALWAYS_PRESENT:
            _put(header, keyword, value or b"")
    if not _UID.fullmatch(str(header.get("StudyInstanceUID", ""))):
        raise NoStudyError(
            "its Study Instance UID (0020,000D) is missing or no UID, so that no study can take a result"
        )
    if not _UID.fullmatch(str(header.get("SeriesInstanceUID", ""))):
        header.SeriesInstanceUID = derived(header.SOPInstanceUID, "series of the source")  # a reference must name one
    if (_value(header, "PatientSex") or b"").strip() not in _SEXES:
        header.PatientSex = ""
    _put(header, LOSS[0], IS_LOSSY.encode() if _is_lossy(found) else b"00")
    return header


def _is_lossy(found: Dataset) -> bool:
    said, syntax = (_value(found, LOSS[0]) or b"").strip().decode("ascii", "replace"), found.file_meta.TransferSyntaxUID
    return said == IS_LOSSY or syntax in _ALWAYS_LOSSY or (not said and syntax in _MAYBE_LOSSY)


def _value(found: Dataset, keyword: str) -> bytes | None:
    """Return an element's value as it is in the file, for pydicom warns of odd ones, and quotes them."""
    element: Any = found.get_item(tag_for_keyword(keyword) or 0)
    if not isinstance(element, RawDataElement) or element.value is None or is_longer(found, keyword, _LONGEST_BYTES):
        return None
    return bytes(element.value)


def _put(header: Dataset, keyword: str, value: bytes) -> None:
    tag = Tag(tag_for_keyword(keyword) or 0)
    even = value + b" " * (len(value) % 2)
    header[tag] = RawDataElement(tag, dictionary_VR(tag), len(even), even, 0, False, True)


def _character_set(found: Dataset) -> str | list[str]:
    """Return what its texts are in; UTF-8 where that is a term that nobody knows."""
    value = found.get("SpecificCharacterSet") or ""
    terms = list(value) if isinstance(value, MultiValue | list) else [value]
    if not all(str(term) in python_encoding for term in terms):
        return UTF_8
    return terms[0] if len(terms) == 1 else terms
