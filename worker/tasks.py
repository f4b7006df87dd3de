"""The Celery tasks. Each takes one number, the row's id, and leaves everything else to what it calls."""

import resource
from typing import Any

from billiard.process import current_process
from celery import signals
from celery.concurrency import get_implementation

from db import deliveries, log, steps
from db.errors import CarpusError
from db.process import die_with_parent
from worker import settings
from worker.app import app
from worker.steps import perform

# Reading meets hostile input: only processes can be ended for time or memory. Assessing shares one engine, and
# TensorFlow must not be forked once it is loaded.
# Delivering waits for others, most of the time.
POOLS = {steps.READ.queue: {"prefork"}, steps.ASSESS.queue: {"threads", "solo"}, deliveries.QUEUE: {"threads"}}


@app.task(name=steps.READ.queue, Request="worker.stand_in:AnsweredFor")
def read(radiograph_id: int) -> None:
    """Turn a stored object into the standard radiograph."""
    # Flower and Celery's command import this module, but not what the tasks do.
    from worker.standardise import standardise

    perform(steps.READ, radiograph_id, settings.worker().lease_seconds(steps.READ), standardise)


@app.task(name=steps.ASSESS.queue, Request="worker.stand_in:AnsweredFor")
def assess(radiograph_id: int) -> None:
    """Estimate bone age from the standard radiograph and store the result."""
    from worker.assess import assess as assess_radiograph
    from worker.serving import serving

    perform(
        steps.ASSESS,
        radiograph_id,
        settings.worker().lease_seconds(steps.ASSESS),
        lambda claim: assess_radiograph(claim, serving()),
    )


@app.task(name=deliveries.QUEUE)
def deliver(delivery_id: int) -> None:
    """Send what waits for one destination of one assessment."""
    from worker.deliver.deliver import deliver as deliver_results

    deliver_results(delivery_id)


@signals.setup_logging.connect
def _log_as_json_lines(**_: Any) -> None:
    log.configure("worker")


@signals.worker_init.connect
def _prepare_worker(sender: Any, **_: Any) -> None:
    """Set reading's time limit, and let a worker that assesses load its model at start; stop when either is wrong."""
    log.configure("worker")  # Celery's own turn comes later
    consumed = set(sender.app.amqp.queues.consume_from)
    for queue in consumed & set(POOLS):
        if get_implementation(sender.pool_cls) not in map(get_implementation, POOLS[queue]):
            raise SystemExit(f"carpus: queue {queue} needs --pool {' or '.join(sorted(POOLS[queue]))}")
    try:
        read.soft_time_limit = settings.worker().read_seconds
        read.time_limit = read.soft_time_limit + settings.LEASE_MARGIN_SECONDS / 3
        if steps.ASSESS.queue in consumed:
            from worker.serving import begin

            begin()
    except CarpusError as error:
        raise SystemExit(f"carpus: {error}") from error


@signals.worker_shutting_down.connect
def _bound_stop(**_: Any) -> None:
    # Celery's command and Flower import this module; only a worker needs what answers for lost tasks.
    from worker.stand_in import stop_within

    stop_within(settings.worker().worker_stop_seconds)


@signals.worker_process_init.connect
def _bound_reading_process(**_: Any) -> None:
    """Let a pool process end with its worker, and bound its memory: a hostile object fails without its neighbours."""
    if (worker_pid := current_process()._parent_pid) is None:
        return  # the pool `solo` has no processes of its own
    die_with_parent(parent_pid=worker_pid)
    limit = settings.worker().read_memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
