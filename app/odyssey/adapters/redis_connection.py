"""
The connection to Redis (or Valkey) that the Redis adapters share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from odyssey.domain.errors import Unavailable

CONNECT_TIMEOUT_S = 2
ANSWER_TIMEOUT_S = 5
"""Longer than an `fsync` on a busy disk, shorter than the 10 s GitHub waits for an answer."""


def connect(url: str) -> Redis:
    """
    A client of the server at *url* (`redis://`, `rediss://` or `unix://`); connects when used.

    A connection found dead, for instance after the server's restart, is made anew once.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[ConnectionLost],
    )


@contextmanager
def unavailable_without_redis() -> Iterator[None]:
    """
    Turns each error of the client or the server into `Unavailable`.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        raise _unavailable(error) from error


def _unavailable(error: BaseException) -> Unavailable:
    said = str(error) or type(error).__name__
    return Unavailable(
        f"Redis did not do what was asked ({said}); is the server of ODYSSEY_REDIS_URL running, "
        "and has it memory and disk left?",
        retry_after=timedelta(seconds=2),
    )


async def durability_gaps(redis: Redis) -> list[str]:
    """
    What the server's settings leave to chance, each with its remedy; empty when nothing.

    Raises:
        Unavailable: the server did not answer.
    """
    with unavailable_without_redis():
        settings = await redis.config_get("appendonly", "appendfsync", "maxmemory-policy")
    gaps = []
    if settings.get("appendonly") != "yes":
        gaps.append("Redis keeps nothing on disk: set `appendonly yes`")
    elif settings.get("appendfsync") != "always":
        gaps.append(
            "a power cut may lose deliveries that GitHub was told are kept: "
            "set `appendfsync always` in Redis"
        )
    if settings.get("maxmemory-policy", "noeviction") != "noeviction":
        gaps.append("Redis may evict deliveries: set `maxmemory-policy noeviction`")
    return gaps
