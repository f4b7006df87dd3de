"""What is told of one read, as text: turned into a read, or everything that is wrong with it told.

Before it: a line of a file (`carpus.reads.sheet`) or a command line. After it: `carpus.reads.known` says whether the
radiograph and the reading list are there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from db.tables import MAX_BONE_AGE_MONTHS

METHOD_NOT_STATED = "not stated"
_LONGEST_ID = 18  # digits: so many always fit a bigint
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})

_Value = TypeVar("_Value")


class _ImpossibleError(ValueError):
    """A value is wrong; the message says how, and what was expected."""


@dataclass(frozen=True)
class Read:
    """A reader's bone age for a radiograph.

    Attributes
    ----------
    sop_instance_uid
        Of the radiograph.
    bone_age_months
        0 to 300.
    reader, method
        Who read it, and how.
    read_at
        When, in UTC; None: now.
    reading_list_id
        What asked for it; None: nobody.
    is_blinded
        Whether the reader had not seen the estimate.
    """

    sop_instance_uid: str
    bone_age_months: float
    reader: str
    method: str
    read_at: datetime | None
    reading_list_id: int | None
    is_blinded: bool


@dataclass(frozen=True)
class Told:
    """What became of a text: the read, unless there are problems; and which radiograph and list it names even then."""

    sop_instance_uid: str
    reading_list_id: int | None
    reader: str
    read: Read | None
    problems: tuple[str, ...]


def tell(row: Mapping[str, str], now: datetime) -> Told:
    """Turn what is told of one read into the read, or tell what is wrong.

    Parameters
    ----------
    row
        By the names of the file's columns; blanks around the values are dropped; what is optional may be missing.
    now
        When a read can have been made at the latest.
    """
    problems = list[str]()

    def taken(column: str, convert: Callable[[str], _Value], otherwise: _Value) -> _Value:
        try:
            return convert(row.get(column, "").strip())
        except _ImpossibleError as error:
            problems.append(f"{column} {error}")
            return otherwise

    uid = taken("sop_instance_uid", _words, "")
    months = taken("bone_age_months", _months, 0.0)
    reader = taken("reader", _words, "")
    read_at = taken("read_at", lambda told: _moment(told, now), None)
    reading_list_id = taken("reading_list", _identity, None)
    is_blinded = taken("blinded", _flag, None)
    if is_blinded is None:
        is_blinded = reading_list_id is not None  # its file hides the answers
    method = taken("method", _method, METHOD_NOT_STATED)
    read = None if problems else Read(uid, months, reader, method, read_at, reading_list_id, is_blinded)
    return Told(uid, reading_list_id, reader, read, tuple(problems))


def _words(told: str) -> str:
    if not told:
        raise _ImpossibleError("is empty")
    # What a command line gets from a terminal of another encoding, and what PostgreSQL cannot keep.
    if any("\ud800" <= character <= "\udfff" or character == "\0" for character in told):
        raise _ImpossibleError("is no text in UTF-8")
    return told


def _method(told: str) -> str:
    return _words(told) if told else METHOD_NOT_STATED


def _months(told: str) -> float:
    try:
        months = float(_words(told).replace("_", "?"))  # Python takes 1_0 for 10
    except _ImpossibleError:
        raise
    except ValueError:
        why = "has a decimal comma: write a point" if "," in told else "is no number"
        raise _ImpossibleError(f"{told!r} {why}; expected 0 to {MAX_BONE_AGE_MONTHS} months") from None
    if not 0 <= months <= MAX_BONE_AGE_MONTHS:
        raise _ImpossibleError(f"{told!r} is impossible; expected 0 to {MAX_BONE_AGE_MONTHS} months")
    return months


def _moment(told: str, now: datetime) -> datetime | None:
    if not told:
        return None
    try:
        moment = datetime.fromisoformat(told).astimezone(UTC)  # without an offset: in this machine's time zone
    except (ValueError, OverflowError):
        raise _ImpossibleError(f"{told!r} is no time; expected one such as 2026-05-31 or 2026-05-31T14:30") from None
    if moment > now:
        raise _ImpossibleError(f"{told!r} is in the future; expected when the radiograph was read")
    return moment


def _identity(told: str) -> int | None:
    if not told:
        return None
    if not (told.isascii() and told.isdigit() and len(told) <= _LONGEST_ID):
        raise _ImpossibleError(f"{told!r} is no reading list; `carpus reads list` shows their ids")
    return int(told)


def _flag(told: str) -> bool | None:
    if not told:
        return None
    if told.lower() in _YES | _NO:
        return told.lower() in _YES
    raise _ImpossibleError(f"{told!r} is neither true nor false")
