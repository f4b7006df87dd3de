"""What children said: the last of it, to tell an operator why one ended, and no more in all than a disk can hold."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

LARGEST_BYTES = 20 * 2**20  # of a log, and of what is kept of it from before
_LINES = 3
_TAIL_BYTES = 4_096
_LONGEST_LINE = 300


def last_words(log: Path) -> str:
    """Return the last lines of a log, joined by slashes; of a JSON line its event.

    Parameters
    ----------
    log
        The file; it may be missing or empty.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        lines = []
    words = (_event(line).strip()[:_LONGEST_LINE] for line in lines[-_LINES:])
    return " / ".join(filter(None, words)) or "it said nothing"


def cut(log: Path, largest_bytes: int = LARGEST_BYTES) -> None:
    """Move what a log holds to ``NAME.1`` when it is too large, while its writer goes on.

    The file stays the same one, for its writer has it open, to append; a line written in between may be lost. On a full
    disk the old lines are dropped, which makes room.

    Parameters
    ----------
    log
        The file; it may be missing.
    largest_bytes
        Up to this size it is left alone.
    """
    before = log.with_name(f"{log.name}.1")
    with suppress(OSError):  # an operator's own rotation may have moved it; the next look comes soon
        if log.stat().st_size <= largest_bytes:
            return
        try:
            shutil.copyfile(log, before)
        except OSError:
            before.unlink(missing_ok=True)
        os.truncate(log, 0)


def _event(line: str) -> str:
    """Return the event of one of our own JSON lines, and any other line as it is."""
    try:
        return str(json.loads(line)["event"])
    except (ValueError, KeyError, TypeError):
        return line
