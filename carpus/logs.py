"""What a child said last, for the one line that tells an operator why it ended."""

import json
from pathlib import Path

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


def _event(line: str) -> str:
    """Return the event of one of our own JSON lines, and any other line as it is."""
    try:
        return str(json.loads(line)["event"])
    except (ValueError, KeyError, TypeError):
        return line
