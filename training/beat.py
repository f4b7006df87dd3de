"""The clock of `training.tasks`: Celery's own, kept in memory, that shows by a file's age that it ticks.

``python -m training.beat`` is its health check, by which a container whose clock stands is shown as unhealthy.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from celery.beat import Scheduler

TICKED = Path(tempfile.gettempdir()) / f"carpus-beat-{os.getuid()}"
LONGEST_TICK_SECONDS = 30.0
_STANDS_SECONDS = 4 * LONGEST_TICK_SECONDS


class WatchedScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """A scheduler whose ticks can be seen."""

    def tick(self, *arguments: Any, **named: Any) -> float:
        """Publish what is due, show that this was looked for, and return in how many seconds to look again."""
        wait_seconds = super().tick(*arguments, **named)
        TICKED.touch()
        return min(float(wait_seconds), LONGEST_TICK_SECONDS)


def main() -> int:
    """Return 0 where the clock has ticked lately, else say that it stands."""
    try:
        age_seconds = time.time() - TICKED.stat().st_mtime
    except FileNotFoundError:
        age_seconds = float("inf")
    if age_seconds <= _STANDS_SECONDS:
        return 0
    sys.stderr.write(f"carpus: the clock of the refresh has not ticked for {age_seconds:.0f} s\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
