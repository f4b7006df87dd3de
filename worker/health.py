"""``python -m worker.health QUEUE``: whether this machine's worker of a queue answers and its queue moves.

A worker that lost its connection may answer again and consume nothing (celery#8030, celery#10205). A ping does not show
that, and a task of its own would wait behind every radiograph; so it is judged by what it should do. Such a worker is
asked to end, for whoever started it starts it again.
"""

import argparse
import socket
import sys
import time

from kombu.exceptions import OperationalError

from db import states
from db.errors import TransientError
from db.session import transaction
from db.states import Step
from worker.app import app, next_message

PING_SECONDS = 5.0
# So long a message may head the queue while nobody works; a free worker takes it within a second.
PATIENCE_SECONDS = 15.0
_POLL_SECONDS = 0.5


def main() -> int:
    """Return 0 where nothing is wrong that a worker can be blamed for, else 1 after a line that says what."""
    parser = argparse.ArgumentParser(prog="python -m worker.health", description=__doc__)
    parser.add_argument("queue", choices=states.STEP_OF_QUEUE)
    step = states.STEP_OF_QUEUE[parser.parse_args().queue]
    worker = f"{step.queue}@{socket.gethostname()}"  # as --hostname names it
    try:
        if not app.control.ping(destination=[worker], timeout=PING_SECONDS):
            return _complain(f"{worker} does not answer")
        if _is_stalled(step):
            app.control.shutdown(destination=[worker])
            return _complain(f"messages wait in the queue {step.queue} and nobody takes them; {worker} is asked to end")
    except (OperationalError, TransientError) as error:
        sys.stderr.write(f"carpus: a server is away, so that nothing can be said of {worker} ({error})\n")
    return 0


def _is_stalled(step: Step) -> bool:
    """Watch until anything moves: a radiograph in work, or another message at the queue's head."""
    head, deadline = next_message(step.queue), time.monotonic() + PATIENCE_SECONDS
    while head is not None and next_message(step.queue) == head:
        with transaction() as session:
            if states.is_at_work(session, step):
                return False
        if time.monotonic() > deadline:
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _complain(message: str) -> int:
    sys.stderr.write(f"carpus: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
