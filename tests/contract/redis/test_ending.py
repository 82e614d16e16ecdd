"""
Tasks over Redis end when they are told to, also where redis-py swallows a cancellation.
"""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from odyssey.ending import end


@pytest.mark.parametrize("turns", range(12))
async def test_a_task_ends_at_whatever_moment_it_is_cancelled(redis: Redis, turns: int) -> None:
    """In some of the moments once would not do, and this would wait for ever."""

    async def keep_asking() -> None:
        while True:
            await redis.set("asked", "1")
            await asyncio.sleep(3600)

    task = asyncio.create_task(keep_asking())
    for _ in range(turns):
        await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await end(task)

    assert task.cancelled()


async def test_what_a_task_raised_stays_in_it() -> None:
    """Whoever ends it may look."""

    async def fail() -> None:
        raise ValueError("told")

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await end(task)

    assert isinstance(task.exception(), ValueError)
