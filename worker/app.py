"""The Celery application: three tasks on three queues, JSON only, acknowledged late; a message is only a row's id.

Importing this module is light: no settings read, no connection, no machine learning. The listener imports it too, only
to enqueue.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from celery import Celery
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from db import log, settings
from db.errors import SettingsError

QUEUES = ("read", "assess", "deliver")
REFRESH_QUEUE = "refresh"  # of `training.tasks`, which no radiograph comes by

TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "worker.transport:Transport"))
TRANSPORT_ALIASES["sentinel"] = "worker.transport:SentinelTransport"
# For whoever asks a Redis, or a Sentinel, that hangs.
_SOCKET_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 3}
app = Celery("carpus", include=["worker.tasks"])
_log = log.get(__name__)


def _configuration() -> dict[str, Any]:
    """Return Celery's configuration; it is asked for on first use."""
    try:
        broker_url = settings.shared().broker_url_with_password()
        sentinel_options = _sentinel_options(settings.shared())
    except SettingsError as error:
        raise SystemExit(f"carpus: {error}") from error
    return {
        "broker_url": broker_url,
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        "task_routes": {queue: {"queue": queue} for queue in (*QUEUES, REFRESH_QUEUE)},  # a task has its queue's name
        "task_acks_late": True,
        # A lost worker's message must not come back by itself for ever (celery#5598): the row counts the attempts and
        # the sweep publishes again.
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 3,
        # A Redis without room answers by an error; the worker waits for it as for one that is away, and does not end.
        "broker_channel_error_retry": True,
        "broker_transport_options": {
            # Longer than any task, for a message that comes back early runs a task twice; the sweep finds lost ones
            # much sooner.
            "visibility_timeout": 3600,
            **_SOCKET_OPTIONS,
            "socket_keepalive": True,
            "health_check_interval": 15,
            # Whoever publishes asks an absent Redis twice and leaves the rest to the sweep, instead of trying for 6 s.
            "max_retries": 1,
            "interval_start": 0,
            **sentinel_options,
        },
    }


def _sentinel_options(shared: settings.SharedSettings) -> dict[str, Any]:
    """Return what kombu needs to ask Sentinels, which have the password of the Redis that they watch."""
    if shared.broker_master is None:
        return {}
    password = urlsplit(shared.broker_url_with_password().partition(";")[0]).password
    login = {"password": unquote(password)} if password else {}
    # The client's own attempts would keep whoever publishes for seconds; the next Sentinel is asked at once.
    asked = {"retry": Retry(NoBackoff(), 0), **_SOCKET_OPTIONS, **login}
    return {"master_name": shared.broker_master, "sentinel_kwargs": asked}


app.add_defaults(_configuration)


def enqueue(queue: str, row_id: int) -> None:
    """Publish the message that a row waits; call it after the row's commit.

    Parameters
    ----------
    queue
        One of `QUEUES`: the queue's name and the task's.
    row_id
        The radiograph's, or the delivery's.

    Raises
    ------
    kombu.exceptions.OperationalError
        When Redis is away or full; nothing is lost, since the sweep publishes again.
    """
    app.send_task(queue, args=[row_id], queue=queue, retry=False)


def offer(queue: str, row_id: int) -> None:
    """Publish the message that a row waits, if Redis is there; else the sweep does once it is back.

    Parameters
    ----------
    queue
        The queue's name and the task's.
    row_id
        The row.
    """
    try:
        enqueue(queue, row_id)
    except OperationalError:
        _log.warning("message_not_published")


def queue_length(queue: str) -> int:
    """Return how many messages wait in a queue at Redis.

    Raises
    ------
    kombu.exceptions.OperationalError
        When Redis is away or full.
    """
    with _channel() as channel:
        return int(channel.queue_declare(queue, passive=False).message_count)


def next_message(queue: str) -> bytes | None:
    """Return the message that a worker takes next from Redis, left there; None where the queue is empty.

    Raises
    ------
    kombu.exceptions.OperationalError
        When Redis is away or full.
    """
    with _channel() as channel:
        message: bytes | None = channel.client.lindex(queue, -1)  # kombu pushes on the left
        return message


@contextmanager
def _channel() -> Iterator[Any]:
    try:
        with app.connection_for_read() as connection:
            yield connection.default_channel
    except RedisError as error:  # kombu passes some of them on as they are
        raise OperationalError(str(error)) from error
