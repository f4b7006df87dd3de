"""The checks of ``carpus doctor`` on PostgreSQL and Redis, the configured ones or this folder's own."""

from urllib.parse import unquote, urlsplit

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from carpus import database
from carpus.embedded import Redis
from carpus.finding import Finding
from carpus.settings import StackSettings
from db import migrate, network, settings
from db.errors import CarpusError

TIMEOUT_SECONDS = 5
SENTINEL_PORT = 26379
_WANTED_OF_REDIS = {"maxmemory-policy": "noeviction", "appendonly": "yes"}


def postgres() -> Finding:
    """Check that the database answers and has this version's tables; an embedded one is started for it."""
    chosen = database.embedded_postgres(settings.load(StackSettings).home)
    if database.configured_url() is None and not chosen.is_initialised:
        return Finding("PostgreSQL", f"embedded, made at the first start in {chosen.folder}")
    try:
        with database.available() as url, psycopg.connect(url, connect_timeout=TIMEOUT_SECONDS) as connection:
            version = connection.info.server_version // 10_000
            way = network.way(connection.info.host, is_encrypted=connection.pgconn.ssl_in_use)
            current = _revisions(connection)
            is_superuser = connection.info.parameter_status("is_superuser") == "on"
    except (CarpusError, psycopg.Error) as error:
        return Finding("PostgreSQL", str(error).partition("\n")[0], "start it, or correct CARPUS_DATABASE_URL")
    words = f"version {version} answers{way}, tables at {', '.join(sorted(current)) or 'nothing'}"
    if is_superuser:
        return Finding("PostgreSQL", f"{words}, asked as a superuser", "let CARPUS_DATABASE_URL name carpus_writer")
    return Finding("PostgreSQL", words, None if current == migrate.newest_revisions() else "run `python -m db.migrate`")


def broker() -> Finding:
    """Check that Redis answers, and that it neither drops messages when full nor forgets them when restarted."""
    urls = _broker_url()
    if urls is None:
        return Finding("Redis", "embedded, runs with the stack")
    if master := settings.load(database.ConfiguredServers).broker_master:
        return _watched(urls, master)
    findings = [_broker(url) for url in urls.split(";")]
    return next((one for one in findings if not one.is_well), findings[0])


def _watched(urls: str, master: str) -> Finding:
    """Ask the Sentinels which Redis is the master, and check that one."""
    hosts = [urlsplit(url) for url in urls.split(";")]
    first = hosts[0]
    asked = {"socket_timeout": TIMEOUT_SECONDS, "retry": Retry(NoBackoff(), 0)}
    asked |= {"password": unquote(first.password)} if first.password else {}
    sentinels = [(str(one.hostname), one.port or SENTINEL_PORT) for one in hosts]
    try:
        asking = redis.Sentinel(sentinels, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]  # it has no types
        host, port = asking.discover_master(master)  # type: ignore[no-untyped-call]  # as above
    except redis.RedisError as error:
        return Finding("Redis", str(error), "start the Sentinels, or correct CARPUS_BROKER_URL or CARPUS_BROKER_MASTER")
    login = f"{first.username or ''}:{first.password}@" if first.password else ""
    return _broker(f"redis://{login}{host}:{port}{first.path}")


def _broker(url: str) -> Finding:
    try:
        with redis.Redis.from_url(
            _as_redis_takes_it(url), socket_timeout=TIMEOUT_SECONDS, decode_responses=True
        ) as connection:
            version = connection.info("server")["redis_version"]
            wrong = [
                f"{name} {wanted}"
                for name, wanted in _WANTED_OF_REDIS.items()
                if connection.config_get(name).get(name) != wanted
            ]
    except (redis.RedisError, ValueError) as error:
        return Finding("Redis", str(error), "start it, or correct CARPUS_BROKER_URL")
    if wrong:
        return Finding("Redis", f"version {version} may lose messages", f"set in redis.conf: {'; '.join(wrong)}")
    way = network.way(urlsplit(url).hostname, is_encrypted=url.startswith("rediss://"))
    return Finding("Redis", f"version {version} answers{way} and keeps its messages")


def _revisions(connection: psycopg.Connection) -> set[str]:
    if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return set()
    return {str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")}


def _as_redis_takes_it(url: str) -> str:
    """Return an address without Celery's own words for a socket and the database at it."""
    if not url.startswith("redis+socket://"):
        return url
    return url.replace("redis+socket", "unix", 1).replace("virtual_host=", "db=", 1)


def _broker_url() -> str | None:
    """Return the configured Redis with its password, else the one that runs in the stack's folder, if any."""
    configured = settings.load(database.ConfiguredServers)
    if configured.broker_url:
        return configured.broker_url_with_password()
    folder = settings.load(StackSettings).home / "redis"
    port = Redis(folder, port=0).port_in_use()
    return None if port is None else Redis(folder, port).url
