"""How messages come from Redis and go there: kombu's transport, whose channels say so when their connection is gone.

:mod:`worker.app` names it to kombu. A task may be in work when Redis is lost, and its message belongs to a channel that
kombu 5.7 has closed half-way. Giving the message back, or acknowledging it, then asked for the address of a connection
that was let go: an AttributeError, of which the worker died. Told that the connection is lost, Celery goes on; the
message need not come back, for the sweep knows the row.
"""

from typing import Any

import kombu.transport.redis
from redis.exceptions import ConnectionError as RedisConnectionError


class _Lost:
    """What a channel does not do after its connection was let go: connect again."""

    def _connparams(self, asynchronous: bool = False) -> Any:
        if self.connection.client is None:  # type: ignore[attr-defined]  # kombu's channels have it
            raise RedisConnectionError("this channel's connection was lost, and another has taken its place")
        return super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]  # as above


class Channel(_Lost, kombu.transport.redis.Channel):  # type: ignore[misc]  # kombu has no types
    """A channel that does not connect again after its connection was let go."""


class Transport(kombu.transport.redis.Transport):  # type: ignore[misc]  # as above
    """The transport of ``redis://`` and ``rediss://``."""

    Channel = Channel


class SentinelChannel(_Lost, kombu.transport.redis.SentinelChannel):  # type: ignore[misc]  # as above
    """The same, to whichever Redis the Sentinels say is the master."""


class SentinelTransport(kombu.transport.redis.SentinelTransport):  # type: ignore[misc]  # as above
    """The transport of ``sentinel://``."""

    Channel = SentinelChannel
