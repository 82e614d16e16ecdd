"""
Background: tasks over Redis end when they are told to, also where redis-py swallows a cancellation.
"""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from odyssey.background import beside, end


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


async def test_a_defect_beside_a_block_is_told_and_the_block_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever reads the log knows what is not done any more; the other work is ended with it."""
    failed, ended = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise ValueError("a defect")

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with beside(fail(), work(), failing="nothing is swept any more"):
        await failed.wait()
        went_on = not ended.is_set()

    assert went_on and ended.is_set()
    [told] = caplog.records
    assert told.getMessage() == "nothing is swept any more; restart this process"
    assert told.exc_info and isinstance(told.exc_info[1], ValueError)
