"""
A real Redis server for a run of tests, emptied before each test.

Use: `from redis_fixture import redis, redis_server  # noqa: F401` in a `conftest.py`.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from odyssey.adapters.redis_connection import connect
from odyssey.setup.redis_server import RedisServer, start_redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """
    The server; durable, as in production. Its folder's path is short enough for a socket.
    """
    with (
        tempfile.TemporaryDirectory(prefix="odyssey-redis-") as folder,
        start_redis(Path(folder), durable=True) as server,
    ):
        yield server


@pytest_asyncio.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """
    A client of the server, which is empty.
    """
    client = connect(redis_server.url)
    await client.flushall()
    yield client
    await client.aclose()
