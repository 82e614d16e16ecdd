"""
What a process holds stays its own while it lives, and it knows when it does not.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from contract.redis.inbox_records import delivery, record
from odyssey.adapters.guard import check_guards
from odyssey.adapters.redis_connection import command, connect
from odyssey.adapters.redis_inbox import RedisInbox
from odyssey.adapters.redis_proposals import RedisProposalStore
from odyssey.domain.errors import Busy, LeaseLost
from odyssey.setup.redis_server import start_redis

SHORT = timedelta(milliseconds=300)


async def test_a_lease_outlives_a_loop_that_stands_still(redis: Redis) -> None:
    """
    Loading a model keeps the loop busy for longer than the lease: the heart is a thread.
    """
    worker, other = RedisInbox(redis, lease=SHORT), RedisInbox(redis)
    sent = delivery()
    await worker.accept(sent)
    await worker.take(sent.id)
    async with worker.heartbeat(sent.id):
        time.sleep(3 * SHORT.total_seconds())  # noqa: ASYNC251  # standing still is the point
        await check_guards()
        recovered = await other.recover()

    assert recovered == 0


async def test_work_ends_when_its_lease_is_another_s(redis: Redis) -> None:
    """
    Whatever it was waiting for is cancelled, and the other one's lease stays untouched.
    """
    slow = RedisInbox(redis, lease=SHORT)
    sent = delivery()
    await slow.accept(sent)
    await slow.take(sent.id)
    went_on = False
    with pytest.raises(LeaseLost, match=sent.id):
        async with slow.heartbeat(sent.id):
            await command(redis, "HSET", f"odyssey:inbox:{sent.id}", "owner", "another")
            async with asyncio.timeout(10):
                await asyncio.Event().wait()
            went_on = True
    await slow.done(sent.id)

    assert not went_on
    assert (await record(redis, sent))[b"state"] == b"leased"


async def test_who_never_lets_go_of_the_loop_is_stopped_before_it_acts(redis: Redis) -> None:
    """
    Before each call to GitHub it is asked whether everything is still held.
    """
    slow = RedisInbox(redis, lease=SHORT)
    sent = delivery()
    await slow.accept(sent)
    await slow.take(sent.id)
    with pytest.raises(LeaseLost):
        async with slow.heartbeat(sent.id):
            await command(redis, "HSET", f"odyssey:inbox:{sent.id}", "owner", "another")
            time.sleep(2 * SHORT.total_seconds())  # noqa: ASYNC251  # standing still is the point
            await check_guards()
            pytest.fail("it would have acted")

    await check_guards()


async def test_a_lock_that_is_lost_ends_the_work_inside(redis: Redis) -> None:
    """
    Another attempt is made: that the world moved meanwhile is an ordinary conflict.
    """
    store = RedisProposalStore(redis, lock_ttl=SHORT)
    with pytest.raises(Busy, match="was lost"):
        async with store.lock("pull:octo/widgets#7"), asyncio.timeout(10):
            await redis.set("odyssey:lock:pull:octo/widgets#7", "another")
            await asyncio.Event().wait()

    assert await redis.get("odyssey:lock:pull:octo/widgets#7") == b"another"


async def test_without_redis_nobody_acts_and_the_work_ends_before_long() -> None:
    """
    Another worker may have it as soon as the lease is over.
    """
    with (
        tempfile.TemporaryDirectory(prefix="odyssey-redis-") as folder,
        start_redis(Path(folder), durable=False) as server,
    ):
        redis = connect(server.url)
        inbox = RedisInbox(redis, lease=timedelta(seconds=1))
        sent = delivery()
        await inbox.accept(sent)
        await inbox.take(sent.id)
        taken_at = time.monotonic()
        with pytest.raises(LeaseLost):
            async with inbox.heartbeat(sent.id), asyncio.timeout(20):
                gone = await asyncio.create_subprocess_exec("kill", "-9", str(server.pid))
                await gone.wait()
                await asyncio.Event().wait()
        held_for = time.monotonic() - taken_at
        await redis.aclose()

    assert held_for < 6


async def test_what_a_task_starts_is_under_its_guard_too(redis: Redis) -> None:
    """
    And what runs beside it is not.
    """
    inbox = RedisInbox(redis, lease=SHORT)
    sent = delivery()
    await inbox.accept(sent)
    await inbox.take(sent.id)

    async def act() -> None:
        await check_guards()

    beside = asyncio.create_task(act())
    with pytest.raises(LeaseLost):
        async with inbox.heartbeat(sent.id):
            await command(redis, "HSET", f"odyssey:inbox:{sent.id}", "owner", "another")
            time.sleep(2 * SHORT.total_seconds())  # noqa: ASYNC251  # standing still is the point
            await asyncio.gather(act())

    await beside


async def test_a_lock_that_ran_out_unnoticed_is_still_ones_own_if_nobody_had_it_since(
    redis: Redis,
) -> None:
    """
    A machine that stood still for a moment loses nothing by it.
    """
    store = RedisProposalStore(redis, lock_ttl=SHORT)
    async with store.lock("pull:octo/widgets#7"):
        await redis.delete("odyssey:lock:pull:octo/widgets#7")
        time.sleep(SHORT.total_seconds())  # noqa: ASYNC251  # standing still is the point
        await check_guards()
        is_back = await redis.exists("odyssey:lock:pull:octo/widgets#7")

    assert is_back
