"""
The Redis that the contract tests run against.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from redis.asyncio import Redis

from odyssey.adapters.redis_inbox import RedisInbox
from redis_fixture import redis, redis_server

__all__ = ["redis", "redis_server"]


@pytest_asyncio.fixture
async def inbox(redis: Redis) -> AsyncIterator[RedisInbox]:
    """
    The inbox as one worker process has it.
    """
    yield RedisInbox(redis)
