"""
What GitHub still allows each installation, shared by all processes through Redis.

A pause is one key that ends by itself; the inbox's script reads it, so that no
delivery of a paused installation is taken. Allowances are noted in memory with
every answer, and in Redis at most once a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import orjson
from redis.asyncio import Redis

from odyssey.adapters.redis_connection import command, unavailable_without_redis
from odyssey.domain.errors import RateLimited, Unavailable
from odyssey.domain.identifiers import InstallationId
from odyssey.domain.pace import Allowance

NOTE_EVERY_S = 1.0
LONGEST_PAUSE = timedelta(hours=1)
"""GitHub's allowances are those of an hour."""

PAUSE = """
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
if ends > tonumber(redis.call('GET', KEYS[1]) or 0) then
  redis.call('SET', KEYS[1], string.format('%.0f', ends), 'PX', ARGV[1])
end
"""


class RedisBudget:
    """
    The port `Budget`, and what the GitHub client tells it.

    *reserve* is the share of an allowance that is left to people's commands.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        reserve: float = 0.1,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._redis = redis
        self._reserve = reserve
        self._now = now
        self._extend_pause = redis.register_script(PAUSE)
        self._paused_until: dict[InstallationId, float] = {}
        self._noted_at: dict[tuple[InstallationId, str], float] = {}

    async def allows_background(self, installation_id: InstallationId) -> bool:
        """See `Budget.allows_background`; no when Redis does not answer."""
        try:
            with unavailable_without_redis():
                if await self._redis.exists(_pause_key(installation_id)):
                    return False
                kept = await command(self._redis, "HGETALL", _allowance_key(installation_id))
        except Unavailable:
            return False
        now = self._now()
        return all(
            _read(resource, data).leaves(self._reserve, now=now) for resource, data in kept.items()
        )

    async def pause(self, installation_id: InstallationId, wait: timedelta) -> None:
        """See `Budget.pause`. A longer pause that is there already stays."""
        wait = min(wait, LONGEST_PAUSE)
        if wait <= timedelta(0):
            return
        ends_at = time.monotonic() + wait.total_seconds()
        self._paused_until[installation_id] = max(
            ends_at, self._paused_until.get(installation_id, 0.0)
        )
        try:
            with unavailable_without_redis():
                await self._extend_pause(
                    keys=[_pause_key(installation_id)], args=[wait // timedelta(milliseconds=1)]
                )
        except Unavailable:
            # The others find out by themselves, at the price of one request each.
            return

    def check(self, installation_id: InstallationId) -> None:
        """
        Nothing, while this process may ask GitHub for the installation.

        Raises:
            RateLimited: GitHub asked for patience, which is not over.
        """
        left = self._paused_until.get(installation_id, 0.0) - time.monotonic()
        if left > 0:
            raise RateLimited(
                f"GitHub asked installation {installation_id} for patience",
                retry_after=timedelta(seconds=left),
            )

    async def note(self, installation_id: InstallationId, allowance: Allowance) -> None:
        """
        What GitHub said of the installation with its last answer.

        With nothing left the installation pauses before GitHub has to refuse.
        """
        wait = allowance.wait(self._now())
        if wait is not None:
            await self.pause(installation_id, wait)
        key = (installation_id, allowance.resource)
        if wait is None and time.monotonic() - self._noted_at.get(key, 0.0) < NOTE_EVERY_S:
            return
        self._noted_at[key] = time.monotonic()
        data = [allowance.limit, allowance.remaining, int(allowance.resets_at.timestamp())]
        name = _allowance_key(installation_id)
        try:
            with unavailable_without_redis():
                async with self._redis.pipeline(transaction=False) as change:
                    change.hset(name, allowance.resource, orjson.dumps(data).decode())
                    change.expire(name, LONGEST_PAUSE * 2)
                    await change.execute()
        except Unavailable:
            # It is said again with the next answer.
            return


def _read(resource: bytes, data: bytes) -> Allowance:
    limit, remaining, resets_at = orjson.loads(data)
    return Allowance(
        resource=resource.decode(),
        limit=limit,
        remaining=remaining,
        resets_at=datetime.fromtimestamp(resets_at, UTC),
    )


def _pause_key(installation_id: InstallationId) -> str:
    return f"odyssey:pause:{installation_id}"


def _allowance_key(installation_id: InstallationId) -> str:
    return f"odyssey:allowance:{installation_id}"
