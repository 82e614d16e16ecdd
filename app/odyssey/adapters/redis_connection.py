"""
The connection to Redis (or Valkey) that the Redis adapters share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError, ResponseError

from odyssey.domain.errors import Unavailable

if TYPE_CHECKING:
    from arq.connections import RedisSettings

CONNECT_TIMEOUT_S = 2
ANSWER_TIMEOUT_S = 5
"""Longer than an `fsync` on a busy disk, shorter than the 10 s GitHub waits for an answer."""


def connect(url: str) -> Redis:
    """
    A client of the server at *url* (`redis://`, `rediss://` or `unix://`); connects when used.

    A connection found dead, for instance after the server's restart, is made anew once.
    """
    client: Redis = Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[ConnectionLost],
    )
    return client


def redis_settings(url: str) -> RedisSettings:
    """
    The server at *url*, as arq wants to be told of it.
    """
    # Here, so that the web process, which has no use for arq, does not load it.
    from arq.connections import RedisSettings

    return RedisSettings.from_dsn(url)


async def command(redis: Redis, *words: str | bytes | int | float) -> Any:
    """
    The server's answer to one command, where the client's own types fit both its worlds badly.
    """
    return await redis.execute_command(*words)  # type: ignore[no-untyped-call]  # has no types


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
        try:
            settings = await command(
                redis, "CONFIG GET", "appendonly", "appendfsync", "maxmemory-policy"
            )
        except ResponseError:
            return ["Redis does not tell its settings: see to `appendonly` and `appendfsync` there"]
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
