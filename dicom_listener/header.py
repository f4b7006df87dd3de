"""A stored object's header, read without its pixels and without trusting it.

After :mod:`store`; :mod:`describe` and :mod:`accept` look into what comes out. Senders put anything into an element, so
an element that cannot be understood counts as absent, and only a header that cannot be parsed at all is refused.
"""

import io
from itertools import islice
from pathlib import Path

from pydicom import config, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.sr.coding import Code
from pydicom.tag import BaseTag, Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from db.bounded import INFLATED_PIECE_BYTES, Bounds, bounded, check_nesting, inflated, is_longer
from db.errors import RejectedRadiographError

# pydicom's warnings quote the value it does not like, which may be a patient's.
config.settings.reading_validation_mode = config.IGNORE

# Far more than a radiograph's header has; what is deflated to that size may be a thousand times as long.
_MAX_DEFLATED_HEADER_BYTES = 16 * 2**20
_LONG_VALUE_BYTES = 65_536  # longer ones are left in the file, and count as absent
_PIXELS_FROM = Tag("FloatPixelData")  # the first of the three elements that may hold them
# Preamble, prefix and the group length element, which counts the bytes after itself (PS3.10 section 7.1).
_GROUP_LENGTH_ENDS_AT = 128 + 4 + 12
# Designators under which SNOMED's older codes come (PS3.16 section 8.1); pydicom knows them as SRT.
_SNOMED_RT = frozenset({"SRT", "SNM3", "99SDM"})


def read_meta(path: Path) -> FileMetaDataset:
    """Return the file meta information that the listener wrote, without a look at the sender's data set behind it.

    pydicom's own function looks there, too, and fails where only one to three bytes follow.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_GROUP_LENGTH_ENDS_AT)
        content += file.read(int.from_bytes(content[-4:], "little"))
    return dcmread(io.BytesIO(content)).file_meta


def read_header(path: Path, meta: FileMetaDataset, bounds: Bounds) -> Dataset:
    """Return a file's data set up to its pixels.

    Parameters
    ----------
    path
        A DICOM file with file meta information.
    meta
        That file meta information.
    bounds
        How much of it is parsed.

    Raises
    ------
    RejectedRadiographError
        When no data set can be read from it, or none within the bounds.
    OSError
        When the file cannot be read.
    """
    try:
        with bounded(io.FileIO(path), bounds) as file:
            if meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
                file.seek(_GROUP_LENGTH_ENDS_AT + int(meta.FileMetaInformationGroupLength))
                header = _read_deflated(file, bounds)
            else:
                header = dcmread(file, stop_before_pixels=True, defer_size=_LONG_VALUE_BYTES)
        check_nesting(header, bounds)
        return header
    except RejectedRadiographError:
        raise
    except Exception as error:  # pydicom raises whatever its parsing of a stranger's bytes runs into
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's; pydicom raises OSError, too, where the data end too early
        raise RejectedRadiographError(
            f"the data set cannot be parsed as {meta.TransferSyntaxUID.name} ({type(error).__name__}); "
            "expected the elements of an image in the negotiated transfer syntax"
        ) from error


def _read_deflated(file: io.BufferedReader, bounds: Bounds) -> Dataset:
    """Read the header of a deflated data set without inflating more than a header's worth; pydicom inflates it all."""
    pieces = islice(inflated(file), _MAX_DEFLATED_HEADER_BYTES // INFLATED_PIECE_BYTES)
    with bounded(io.BytesIO(b"".join(pieces)), bounds) as content:
        return read_dataset(
            content,
            is_implicit_VR=False,
            is_little_endian=True,
            stop_when=_at_pixels,
            defer_size=_LONG_VALUE_BYTES,
        )


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) >= int(_PIXELS_FROM)


def text(header: Dataset, keyword: str, longest: int = 64) -> str:
    """Return an element's value as text without padding; empty where it is absent, unreadable or too long.

    Parameters
    ----------
    header
        A data set.
    keyword
        The element's keyword.
    longest
        In characters; 64 is what a UID and a Long String may have (PS3.5 table 6.2-1). A value cut short would be
        another patient's or study's, so that a longer one counts as absent.
    """
    values = texts(header, keyword)
    joined = "\\".join(values)
    return joined if len(joined) <= longest else ""


def texts(header: Dataset, keyword: str) -> list[str]:
    """Return the values of an element that may have several, as text without padding; empty ones are left out."""
    try:
        value = None if is_longer(header, keyword, _LONG_VALUE_BYTES) else header.get(keyword)
    except Exception:  # noqa: BLE001  a value is converted only when it is asked for
        return []
    if isinstance(value, Sequence):  # under the VR of one; its words would be those of all elements in it
        return []
    values = value if isinstance(value, MultiValue) else [] if value is None else [value]
    # PostgreSQL's text holds neither NUL nor a lone surrogate.
    plain = (str(item).replace("\0", "").encode(errors="replace").decode().strip() for item in values)
    return [item for item in plain if item]


def coded(header: Dataset, keyword: str) -> list[Code]:
    """Return the concepts of a code sequence; an item without value and scheme is left out."""
    try:
        items = [] if is_longer(header, keyword, _LONG_VALUE_BYTES) else list(header.get(keyword) or [])
    except Exception:  # noqa: BLE001  as in texts
        return []
    found = []
    for item in items:
        if isinstance(item, Dataset):
            scheme = text(item, "CodingSchemeDesignator")
            code = Code(text(item, "CodeValue"), "SRT" if scheme in _SNOMED_RT else scheme, text(item, "CodeMeaning"))
            found.append(code)
    return [code for code in found if code.value and code.scheme_designator]


def named(keyword: str) -> str:
    """Return an element's name for a reason: ``BodyPartExamined (0018,0015)``."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    return f"{keyword} ({tag.group:04X},{tag.element:04X})"
