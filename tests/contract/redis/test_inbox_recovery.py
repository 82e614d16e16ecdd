"""
Workers, jobs and servers die; no delivery does.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from contract.redis.inbox_records import delivery, queued, record, until_lease_is_over
from odyssey.adapters.redis_connection import connect
from odyssey.adapters.redis_inbox import (
    OPEN,
    QUEUE,
    RedisInbox,
)
from odyssey.domain.errors import Unavailable
from odyssey.setup.redis_server import start_redis

SHORT = timedelta(milliseconds=60)


async def test_a_delivery_whose_worker_died_is_worked_by_another(redis: Redis) -> None:
    """
    It is handed over again when the lease is over, and not before.
    """
    dead, alive = RedisInbox(redis), RedisInbox(redis)
    sent = delivery()
    await alive.accept(sent)
    await dead.take(sent.id)
    too_early = await alive.recover()
    await until_lease_is_over(redis, sent.id)

    assert too_early == 0
    assert await alive.recover() == 1
    assert await queued(redis) == [sent.id]
    taken = await alive.take(sent.id)
    assert taken is not None
    assert taken.attempt == 2
    assert await alive.recover() == 0


async def test_the_word_of_a_worker_that_lost_its_lease_does_not_count(redis: Redis) -> None:
    """
    Whoever has the lease now decides; but effects that are made are made.
    """
    slow, quick = RedisInbox(redis), RedisInbox(redis)
    sent = delivery()
    await slow.accept(sent)
    await slow.take(sent.id)
    await until_lease_is_over(redis, sent.id)
    await quick.take(sent.id)
    await slow.done(sent.id)
    await slow.failed(sent.id, "too slow")
    still = (await record(redis, sent))[b"state"]
    await quick.done(sent.id)

    assert still == b"leased"
    assert (await record(redis, sent))[b"state"] == b"done"


async def test_a_delivery_done_while_it_waits_again_is_not_worked_twice(redis: Redis) -> None:
    """
    A slow worker's lease ended, it was queued again, and then the slow one did finish.
    """
    slow = RedisInbox(redis)
    sent = delivery()
    await slow.accept(sent)
    await slow.take(sent.id)
    await until_lease_is_over(redis, sent.id)
    await slow.recover()
    await slow.done(sent.id)

    assert await queued(redis) == []
    assert await slow.is_quiet()
    assert await slow.take(sent.id) is None


async def test_a_heartbeat_keeps_the_lease(redis: Redis) -> None:
    """
    For several times the length of a lease, and no longer than the block.
    """
    worker, other = RedisInbox(redis, lease=SHORT), RedisInbox(redis)
    sent = delivery()
    await worker.accept(sent)
    await worker.take(sent.id)
    ends: list[float] = []
    async with worker.heartbeat(sent.id):
        while len(ends) < 4:
            end = await redis.zscore(OPEN, sent.id)
            if end is not None and end not in ends:
                ends.append(end)
        inside = await other.recover()
    while not await other.recover():
        pass  # the lease ends by the server's clock

    assert ends == sorted(ends)
    assert inside == 0
    assert await other.take(sent.id) is not None


async def test_a_job_that_was_lost_is_made_anew(redis: Redis) -> None:
    """
    arq's keys may vanish; a waiting delivery is still worked.
    """
    inbox = RedisInbox(redis, lease=timedelta(0))
    lost, intact = delivery(), delivery()
    await inbox.accept(lost)
    await redis.delete(QUEUE, *await redis.keys("arq:job:*"))
    await inbox.accept(intact)

    assert await inbox.recover() == 1
    assert sorted(await queued(redis)) == sorted([lost.id, intact.id])
    assert await inbox.recover() == 0


async def test_a_job_picked_up_by_a_worker_that_died_is_made_anew(redis: Redis) -> None:
    """
    arq would leave it alone for as long as the longest job may take.
    """
    inbox = RedisInbox(redis, lease=timedelta(0))
    sent = delivery()
    await inbox.accept(sent)
    await redis.set(f"arq:in-progress:delivery:{sent.id}:1", b"1")

    assert await inbox.recover() == 1
    assert await redis.zrange(QUEUE, 0, -1) == [f"delivery:{sent.id}:2".encode()]


async def test_an_accepted_delivery_survives_the_servers_death(tmp_path_factory: Any) -> None:
    """
    The server is killed right after the answer, and starts again on what is on its disk.
    """
    folder = tmp_path_factory.mktemp("r")
    sent = [delivery(b"{}" * 3_000) for _ in range(20)]
    with start_redis(folder, durable=True) as server:
        client = connect(server.url)
        await asyncio.gather(*[RedisInbox(client).accept(each) for each in sent])
        killed = await asyncio.create_subprocess_exec("kill", "-9", str(server.pid))
        await killed.wait()
        with pytest.raises(Unavailable):
            await RedisInbox(client).accept(delivery())
        await client.aclose()
    with start_redis(folder, durable=True) as server:
        client = connect(server.url)
        taken = [await RedisInbox(client).take(each.id) for each in sent]
        left = await queued(client)
        await client.aclose()

    assert taken == sent
    assert sorted(left) == sorted(each.id for each in sent)


async def test_without_redis_every_wait_ends_with_an_error(tmp_path_factory: Any) -> None:
    """
    Nobody who waits in a batch is forgotten.
    """
    client = connect(f"unix://{tmp_path_factory.mktemp('n')}/no.sock")
    inbox = RedisInbox(client)
    answers = await asyncio.gather(
        *[inbox.accept(delivery()) for _ in range(30)], return_exceptions=True
    )

    assert {type(each) for each in answers} == {Unavailable}
    with pytest.raises(Unavailable, match="ODYSSEY_REDIS_URL"):
        await inbox.is_quiet()


async def test_the_scripts_are_loaded_again_after_a_restart(
    inbox: RedisInbox, redis: Redis
) -> None:
    """
    A server that forgot them is taught again, unnoticed.
    """
    await inbox.accept(delivery())
    await redis.script_flush()
    again = delivery()

    assert await inbox.accept(again)
    assert await inbox.take(again.id) == again
