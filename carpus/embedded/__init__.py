"""PostgreSQL and Redis without an installation: the binaries inside two wheels, run as children in a folder."""

from carpus.embedded.postgres import Postgres
from carpus.embedded.redis_server import Redis
from carpus.embedded.server import ServerError

__all__ = ["Postgres", "Redis", "ServerError"]
