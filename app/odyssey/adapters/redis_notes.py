"""
The port `Notes` in Redis: small facts that make things happen once, alarms, and times of sweeps.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from odyssey.adapters.redis_connection import command, unavailable_without_redis
from odyssey.domain.identifiers import RepositoryRef

KNOWN = "odyssey:known-since"
TIMES = "odyssey:times"
REMEMBER_OBEYED = timedelta(days=30)
"""Far longer than any sweep looks back."""
REMEMBER_TRIES = timedelta(days=7)


class RedisNotes:
    """
    The port `Notes`.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def knows_since(self, repository: RepositoryRef) -> datetime | None:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            found = await command(self._redis, "HGET", KNOWN, _name(repository))
        return _time(found)

    async def knows(self, repository: RepositoryRef, since: datetime) -> None:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            await command(self._redis, "HSET", KNOWN, _name(repository), _text(since))

    async def was_untouched(self, repository: RepositoryRef, comment_id: int) -> bool:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            return bool(await self._redis.exists(_untouched_key(repository, comment_id)))

    async def untouched(self, repository: RepositoryRef, comment_id: int) -> None:
        """See `ports.healing.Notes`."""
        key = _untouched_key(repository, comment_id)
        with unavailable_without_redis():
            await self._redis.set(key, "1", ex=REMEMBER_OBEYED)

    async def is_obeyed(self, repository: RepositoryRef, comment_id: int) -> bool:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            return bool(await self._redis.exists(_obeyed_key(repository, comment_id)))

    async def obeyed(self, repository: RepositoryRef, comment_id: int) -> None:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            await self._redis.set(_obeyed_key(repository, comment_id), "1", ex=REMEMBER_OBEYED)

    async def alarms(self, repository: RepositoryRef) -> frozenset[int]:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            found = await command(self._redis, "SMEMBERS", _alarms_key(repository))
        return frozenset(map(int, found))

    async def alarm_raised(self, repository: RepositoryRef, issue: int) -> None:
        """See `ports.healing.Notes`; never forgotten by itself."""
        with unavailable_without_redis():
            await command(self._redis, "SADD", _alarms_key(repository), issue)

    async def alarm_answered(self, repository: RepositoryRef, issue: int) -> None:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            await command(self._redis, "SREM", _alarms_key(repository), issue)

    async def time(self, name: str) -> datetime | None:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            return _time(await command(self._redis, "HGET", TIMES, name))

    async def set_time(self, name: str, at: datetime) -> None:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            await command(self._redis, "HSET", TIMES, name, _text(at))

    async def tries(self, name: str) -> tuple[int, datetime | None]:
        """See `ports.healing.Notes`."""
        with unavailable_without_redis():
            count, last = await command(self._redis, "HMGET", _tries_key(name), "count", "last")
        return int(count or 0), _time(last)

    async def tried(self, name: str, at: datetime) -> None:
        """See `ports.healing.Notes`."""
        key = _tries_key(name)
        with unavailable_without_redis():
            async with self._redis.pipeline(transaction=True) as change:
                change.hincrby(key, "count", 1)
                change.hset(key, "last", _text(at))
                change.expire(key, REMEMBER_TRIES)
                await change.execute()


# GitHub's names of repositories ignore case.
def _name(repository: RepositoryRef) -> str:
    return repository.full_name.lower()


def _alarms_key(repository: RepositoryRef) -> str:
    return f"odyssey:alarms:{_name(repository)}"


def _obeyed_key(repository: RepositoryRef, comment_id: int) -> str:
    return f"odyssey:obeyed:{_name(repository)}:{comment_id}"


def _untouched_key(repository: RepositoryRef, comment_id: int) -> str:
    return f"odyssey:untouched:{_name(repository)}:{comment_id}"


def _tries_key(name: str) -> str:
    return f"odyssey:tries:{name}"


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _time(found: bytes | None) -> datetime | None:
    return datetime.fromisoformat(found.decode()) if found else None
