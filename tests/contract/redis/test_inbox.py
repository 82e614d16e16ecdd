"""
The inbox against a real server and real arq.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from arq import func
from arq.worker import Worker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from contract.redis.inbox_records import delivery, queued, record
from odyssey.adapters.redis_connection import redis_settings
from odyssey.adapters.redis_inbox import (
    QUEUE,
    WORK_DELIVERY,
    RedisInbox,
    deserialize_job,
    serialize_job,
)
from odyssey.domain.identifiers import (
    DeliveryId,
    InstallationId,
    PullRequestRef,
    RepositoryRef,
)
from odyssey.ports import RECONCILE
from odyssey.setup.redis_server import RedisServer


async def test_an_accepted_delivery_is_kept_and_queued(inbox: RedisInbox, redis: Redis) -> None:
    """
    What was accepted comes out unchanged, and a job for it waits.
    """
    sent = delivery(b'{"text":"' + b"\xc3\xa4" * 5_000 + b'"}')

    assert await inbox.accept(sent)
    assert await queued(redis) == [sent.id]
    assert await inbox.take(sent.id) == sent


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=300), times=st.sampled_from([1, 1_000, 4_000]))
async def test_any_body_comes_back_byte_for_byte(
    inbox: RedisInbox, body: bytes, times: int
) -> None:
    """
    Small ones as they are, larger ones compressed, the largest in a thread.
    """
    sent = delivery(body * times)
    await inbox.accept(sent)

    taken = await inbox.take(sent.id)

    assert taken is not None
    assert taken.body == body * times


async def test_a_repeated_id_is_taken_in_once(inbox: RedisInbox, redis: Redis) -> None:
    """
    While it waits, while it is worked, and when it is done.
    """
    sent = delivery()
    answers = await asyncio.gather(*[inbox.accept(sent) for _ in range(20)])
    await inbox.take(sent.id)
    while_leased = await inbox.accept(sent)
    await inbox.done(sent.id)
    when_done = await inbox.accept(sent)

    assert sorted(answers) == [False] * 19 + [True]
    assert (while_leased, when_done) == (False, False)
    assert await inbox.take(sent.id) is None


async def test_a_failed_delivery_is_taken_again(inbox: RedisInbox, redis: Redis) -> None:
    """
    It keeps its body and the reason meanwhile; the new run counts its tries afresh, and knows
    that an earlier one may have left something behind.
    """
    sent = delivery()
    await inbox.accept(sent)
    await inbox.take(sent.id)
    await inbox.failed(sent.id, "the repository is gone")
    kept = await record(redis, sent)
    was_quiet = await inbox.is_quiet()

    assert kept[b"reason"] == b"the repository is gone"
    assert sent.body in kept[b"body"]
    assert was_quiet
    assert await inbox.accept(sent)
    assert await inbox.take(sent.id) == replace(sent, is_repeated=True)
    assert await redis.ttl(f"odyssey:inbox:{sent.id}") == -1


async def test_a_done_delivery_keeps_its_id_for_a_week_and_no_body(
    inbox: RedisInbox, redis: Redis
) -> None:
    """
    Memory does not grow with the size of what was done.
    """
    sent = delivery(b"{}" + b" " * 100_000)
    await inbox.accept(sent)
    await inbox.take(sent.id)
    await inbox.done(sent.id)

    assert await redis.memory_usage(f"odyssey:inbox:{sent.id}") < 250
    assert 6 * 86_400 < await redis.ttl(f"odyssey:inbox:{sent.id}") <= 7 * 86_400


async def test_a_leased_delivery_is_nobody_elses(redis: Redis) -> None:
    """
    Another worker does not get it, and cannot end or return it.
    """
    mine, other = RedisInbox(redis), RedisInbox(redis)
    sent = delivery()
    await mine.accept(sent)
    await mine.take(sent.id)

    assert await other.take(sent.id) is None
    await other.done(sent.id)
    await other.failed(sent.id, "not mine")
    await other.retry(sent.id, timedelta(0))
    assert (await record(redis, sent))[b"state"] == b"leased"


async def test_a_retry_is_queued_for_later(inbox: RedisInbox, redis: Redis) -> None:
    """
    It is not lost from sight meanwhile, and not taken for stranded.
    """
    sent = delivery()
    await inbox.accept(sent)
    await inbox.take(sent.id)
    before_ms = time.time() * 1000
    await inbox.retry(sent.id, timedelta(minutes=1))
    due = dict(await redis.zrange(QUEUE, 0, -1, withscores=True))

    assert due[f"delivery:{sent.id}:2".encode()] == pytest.approx(before_ms + 60_000, abs=5_000)
    assert not await inbox.is_quiet()
    assert await inbox.recover() == 0


async def test_a_fresh_look_is_a_delivery_of_its_own(inbox: RedisInbox, redis: Redis) -> None:
    """
    Two wishes are two, even while the first is being worked.
    """
    ref = PullRequestRef(RepositoryRef(InstallationId(7), "octo", "widgets"), 12)
    await inbox.ask_reconcile(ref)
    await inbox.ask_reconcile(ref)
    ids = await queued(redis)
    taken = await inbox.take(DeliveryId(ids[0]))

    assert len(set(ids)) == 2
    assert taken is not None
    assert taken.event == RECONCILE
    assert orjson.loads(taken.body) == {
        "installation_id": 7,
        "owner": "octo",
        "name": "widgets",
        "number": 12,
    }


async def test_arq_works_every_delivery_once(redis: Redis, redis_server: RedisServer) -> None:
    """
    Real jobs in arq's own form: done, tried again, failed, and tried again at once.
    """
    inbox = RedisInbox(redis)
    sent = [delivery() for _ in range(12)]
    worked: list[tuple[str, int]] = []

    async def work_delivery(ctx: dict[Any, Any], *args: Any, **_: Any) -> None:
        id = DeliveryId(args[0])
        taken = await inbox.take(id)
        assert taken is not None
        worked.append((id, taken.attempt))
        if id == sent[0].id and taken.attempt < 3:
            await inbox.retry(id, timedelta(0))
        elif id == sent[1].id:
            await inbox.failed(id, "no such repository")
        else:
            await inbox.done(id)

    await asyncio.gather(*[inbox.accept(each) for each in sent])
    worker = Worker(
        functions=[func(work_delivery, name=WORK_DELIVERY, keep_result=0, max_tries=1)],
        redis_settings=redis_settings(redis_server.url),
        burst=True,
        poll_delay=0.005,
        job_serializer=serialize_job,
        job_deserializer=deserialize_job,
        handle_signals=False,
    )
    await worker.async_run()
    await worker.close()

    once = [(each.id, 1) for each in sent]
    assert sorted(worked) == sorted([*once, (sent[0].id, 2), (sent[0].id, 3)])
    assert await inbox.is_quiet()
    assert await redis.keys("arq:job:*") == []
    assert await redis.keys("arq:result:*") == []


async def test_a_sender_that_leaves_takes_nobody_along(inbox: RedisInbox) -> None:
    """
    One of a batch is cancelled; the others are answered, and it is kept all the same.
    """
    sent = [delivery() for _ in range(5)]
    waiting = [asyncio.create_task(inbox.accept(each)) for each in sent]
    await asyncio.sleep(0)
    waiting[2].cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert [each is True for each in answers] == [True, True, False, True, True]
    assert isinstance(answers[2], asyncio.CancelledError)
    assert await inbox.take(sent[2].id) == sent[2]


async def test_large_deliveries_go_in_batches_of_their_own(inbox: RedisInbox) -> None:
    """
    However many arrive together, none is left behind.
    """
    sent = [delivery(b"x" * 400_000) for _ in range(8)]
    answers = await asyncio.gather(*[inbox.accept(each) for each in sent])

    assert all(answers)
    assert [await inbox.take(each.id) for each in sent] == sent


async def test_settings_that_may_lose_deliveries_are_told(inbox: RedisInbox, redis: Redis) -> None:
    """
    Each gap is named with its remedy; the demo's own server has none.
    """
    none = await inbox.check_durability()
    await redis.config_set("appendfsync", "everysec")
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    gaps = await inbox.check_durability()
    await redis.config_set("appendfsync", "always")
    await redis.config_set("maxmemory-policy", "noeviction")

    assert none == []
    assert ["appendfsync always" in gaps[0], "noeviction" in gaps[1]] == [True, True]
