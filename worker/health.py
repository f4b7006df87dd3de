"""``python -m worker.health QUEUE``: whether this machine's worker of a queue answers and its queue moves.

A worker that lost its connection may answer again and consume nothing (celery#8030, celery#10205). A ping does not show
that, and a task of its own would wait behind every radiograph; so it is judged by what it should do. Such a worker is
asked to end, for whoever started it starts it again. One that does not answer at all for longer than it may take to
reach Redis again hangs: the status says so to `carpus up`, which kills it, and in a container it is killed here.
"""

import argparse
import socket
import sys
import time

from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from db import deliveries, steps
from db.errors import TransientError
from db.session import transaction
from worker import hung, settings
from worker.app import QUEUES, app, next_message

PING_SECONDS = 5.0  # each; it is asked again while it may be reconnecting
# So long a message may head the queue while nobody works; a free worker takes it within a second.
PATIENCE_SECONDS = 15.0
_POLL_SECONDS = 0.5


def main() -> int:
    """Return 0 where nothing is wrong that a worker can be blamed for, else say what is.

    Then 1 stands for a worker that was asked to end, ``HUNG_STATUS`` for one that does not answer.
    """
    parser = argparse.ArgumentParser(prog="python -m worker.health", description=__doc__)
    parser.add_argument("queue", choices=QUEUES)
    parser.add_argument("--ping-seconds", type=float, default=PING_SECONDS)
    parser.add_argument("--patience-seconds", type=float, default=PATIENCE_SECONDS)
    given = parser.parse_args()
    worker = f"{given.queue}@{socket.gethostname()}"  # as --hostname names it
    try:
        if not _answers(worker, given.ping_seconds):
            is_ended = hung.end(given.queue)
            return _complain(f"{worker} does not answer{' and was killed' if is_ended else ''}", settings.HUNG_STATUS)
        if _is_stalled(given.queue, given.patience_seconds):
            app.control.shutdown(destination=[worker])
            return _complain(
                f"messages wait in the queue {given.queue} and nobody takes them; {worker} is asked to end"
            )
    except (OperationalError, TransientError) as error:
        sys.stderr.write(f"carpus: a server is away, so that nothing can be said of {worker} ({error})\n")
    return 0


def _answers(worker: str, ping_seconds: float) -> bool:
    deadline = time.monotonic() + settings.unanswered_seconds()
    while not app.control.ping(destination=[worker], timeout=ping_seconds):
        if time.monotonic() > deadline:
            return False
    return True


def _is_stalled(queue: str, patience_seconds: float) -> bool:
    """Watch until anything moves: a row in work, or another message at the queue's head."""
    head, deadline = next_message(queue), time.monotonic() + patience_seconds
    while head is not None and next_message(queue) == head:
        with transaction() as session:
            if _is_at_work(session, queue):
                return False
        if time.monotonic() > deadline:
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _is_at_work(session: Session, queue: str) -> bool:
    step = steps.STEP_OF_QUEUE.get(queue)
    return steps.is_at_work(session, step) if step else deliveries.is_at_work(session)


def _complain(message: str, status: int = 1) -> int:
    sys.stderr.write(f"carpus: {message}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
