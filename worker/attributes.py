"""Single attributes of a data set nobody can trust, and the words for what is wrong with them.

Before: ``worker.stored_object`` parsed the file; pydicom converts each element's value only here, when it is asked for.
After: ``worker.image_pixel``, ``worker.pixels`` and ``worker.grayscale`` work with plain numbers and codes.

A reason names the attribute with its tag, what was received, what was expected and what to do. It never quotes an
exception, for a library's message may quote bytes of the data set, and those may be a name; nor any text but a term
of the standard, nor a number so large that it may be a patient's.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from billiard.exceptions import SoftTimeLimitExceeded
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

from db.bounded import is_longer
from db.errors import CarpusError, RejectedRadiographError

# What is never the file's fault. Both are plain Exceptions, so that a library's own catch may take them for one of its
# errors; billiard is the part of Celery that raises the first, and importing it costs nothing.
INTERRUPTIONS: Final = (SoftTimeLimitExceeded, MemoryError)
# What the 16-bit length of an explicit VR can count: no number or code is longer, unless to take all memory.
_LONGEST_BYTES: Final = 65_535

UNKNOWN_TERM: Final = "a term that is not known"
LARGEST_WORD: Final = 65_535  # of the value representation US, which all numbers have that a reason tells

_CODE = re.compile(r"[A-Z0-9 _]{1,16}")  # PS3.5 table 6.2-1, CS


@contextmanager
def rejecting(reason: str) -> Iterator[None]:
    """Turn whatever a library raises over a hostile file into a rejection with a given reason, its cause chained.

    Parameters
    ----------
    reason
        What is wrong and what to do, in words for the sender's engineer.

    Raises
    ------
    RejectedRadiographError
        For every exception but our own, a lack of memory and Celery's soft time limit, which pass unchanged.
    """
    try:
        yield
    except (CarpusError, *INTERRUPTIONS):
        raise
    # Parsers and decoders fail with any type at all on bytes made to break them (struct.error, zlib.error,
    # RecursionError, AttributeError …): this is their border.
    except Exception as error:
        raise RejectedRadiographError(reason) from error


def named(keyword: str) -> str:
    """Return an attribute's name, tag and keyword, as in ``Bits Stored (0028,0101 BitsStored)``."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    return f"{dictionary_description(tag)} ({tag.group:04X},{tag.element:04X} {keyword})"


def rejection(keyword: str, received: object, expected: str, remedy: str) -> RejectedRadiographError:
    """Return the rejection of one attribute's value.

    Parameters
    ----------
    keyword
        The attribute's DICOM keyword.
    received
        Its value, no text of the sender's; None for an absent or empty one.
    expected
        What Carpus needs.
    remedy
        What the sender's engineer can do.
    """
    value = "missing" if received is None else received
    if isinstance(value, int) and not -LARGEST_WORD <= value <= LARGEST_WORD:
        value = f"beyond {LARGEST_WORD}"
    return RejectedRadiographError(f"{named(keyword)} is {value}; expected {expected}. {remedy}")


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Return an attribute's values as finite numbers, an empty list where it is absent or empty.

    Parameters
    ----------
    dataset
        The data set or sequence item; not changed, but for pydicom's lazy conversion of the element.
    keyword
        The attribute's DICOM keyword.

    Raises
    ------
    RejectedRadiographError
        When the value is no number.
    """
    with rejecting(f"{named(keyword)} is not a number. The header is damaged or malformed: send the original again."):
        value = _value(dataset, keyword)
        received = value if isinstance(value, (MultiValue, list, tuple)) else [value]
        values = [float(item) for item in received if item not in {None, "", b""}]
        if not all(math.isfinite(item) for item in values):
            raise ValueError(keyword)
        return values


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return an attribute's first value as a finite number, None where it is absent or empty.

    Raises
    ------
    RejectedRadiographError
        When the value is no number.
    """
    return next(iter(numbers(dataset, keyword)), None)


def code(dataset: Dataset, keyword: str) -> str | None:
    """Return an attribute of value representation CS, None where it is absent or empty.

    Raises
    ------
    RejectedRadiographError
        When the value is no code string.

    References
    ----------
    DICOM PS3.5 table 6.2-1: CS holds at most 16 upper-case letters, digits, spaces and underscores.
    """
    with rejecting(f"{named(keyword)} is not a code. The header is damaged or malformed: send the original again."):
        value = _value(dataset, keyword)
        if value is None or not str(value).strip():
            return None
        text = str(value).strip().upper()
        if not _CODE.fullmatch(text):
            raise ValueError(keyword)
        return text


def _value(dataset: Dataset, keyword: str) -> Any:
    if is_longer(dataset, keyword, _LONGEST_BYTES):
        raise ValueError(keyword)
    return dataset.get(keyword)
