"""
Whose turn it is: nobody waits behind a noisy repository, and nobody is asked in vain.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from redis.asyncio import Redis

from contract.redis.inbox_records import delivery, of, queued, record, until_lease_is_over
from odyssey.adapters.redis_budget import RedisBudget
from odyssey.adapters.redis_inbox import OPEN, QUEUE, RedisInbox
from odyssey.domain.identifiers import DeliveryId, InstallationId, PullRequestRef, RepositoryRef
from odyssey.ports import Delivery

NOISY = RepositoryRef(InstallationId(1), "noisy", "fork")
QUIET = RepositoryRef(InstallationId(2), "quiet", "corner")
PULL = PullRequestRef(NOISY, 7)


async def accepted(inbox: RedisInbox, repository: RepositoryRef, count: int) -> list[Delivery]:
    """So many deliveries of one repository, taken in."""
    sent = [of(repository) for _ in range(count)]
    await asyncio.gather(*[inbox.accept(each) for each in sent])
    return sent


async def worked_off(inbox: RedisInbox) -> list[DeliveryId]:
    """What is taken and done, one at a time, until nothing is due."""
    order = []
    while (taken := await inbox.take_next()) is not None:
        order.append(taken.id)
        await inbox.done(taken.id)
    return order


async def test_a_quiet_repository_does_not_wait_behind_a_noisy_one(redis: Redis) -> None:
    """
    Hundreds of deliveries came before; the one of another repository is among the next few.
    """
    inbox = RedisInbox(redis, places=4)
    await accepted(inbox, NOISY, 300)
    [quiet] = await accepted(inbox, QUIET, 1)

    order = await worked_off(inbox)

    assert len(order) == len(set(order)) == 301
    assert order.index(quiet.id) <= 4
    assert await inbox.is_quiet()


async def test_one_repository_has_at_most_its_places_at_work(redis: Redis) -> None:
    """
    However many workers ask: the rest of its deliveries wait in their order, in no worker's way.
    """
    one, other = RedisInbox(redis, places=3), RedisInbox(redis, places=3)
    sent = await accepted(one, NOISY, 10)
    taken = [await each.take_next() for each in (one, other, one, other, one)]
    at_work = [each.id for each in taken if each is not None]
    await one.done(at_work[0])
    following = await other.take_next()

    assert len(at_work) == 3
    assert following is not None
    assert {*at_work, following.id} == {each.id for each in sent[:4]}


async def test_what_waits_to_be_tried_again_gives_its_place_away(redis: Redis) -> None:
    """
    A repository whose first deliveries fail is not stuck with them.
    """
    inbox = RedisInbox(redis, places=2)
    sent = await accepted(inbox, NOISY, 4)
    for _ in range(2):
        taken = await inbox.take_next()
        assert taken is not None
        await inbox.retry(taken.id, timedelta(minutes=5))
    order = await worked_off(inbox)

    assert sorted(order) == sorted(each.id for each in sent[2:])


async def test_one_that_comes_back_finds_its_place_taken_and_is_first_in_line(
    redis: Redis,
) -> None:
    """
    It is due again while others are at work: it waits for the next place, before younger ones.
    """
    inbox = RedisInbox(redis, places=1)
    sent = await accepted(inbox, NOISY, 3)
    first = await inbox.take_next()
    assert first is not None
    await inbox.retry(first.id, timedelta(minutes=5))
    second = await inbox.take_next()
    assert second is not None
    in_vain = await inbox.take(first.id)
    await inbox.done(second.id)
    order = await worked_off(inbox)

    assert in_vain is None
    assert [second.id, *order] == [sent[1].id, sent[0].id, sent[2].id]


async def test_a_dead_workers_places_are_not_lost(redis: Redis) -> None:
    """
    Whatever it held is worked by another, and the line moves on.
    """
    dead, alive = RedisInbox(redis, places=2), RedisInbox(redis, places=2)
    sent = await accepted(alive, NOISY, 6)
    for _ in range(2):
        taken = await dead.take_next()
        assert taken is not None
        await until_lease_is_over(redis, taken.id)
    recovered = await alive.recover()
    order = await worked_off(alive)

    assert recovered == 2
    assert sorted(order) == sorted(each.id for each in sent)
    assert await redis.keys("odyssey:inbox:places:*") == []


async def test_places_of_deliveries_that_vanished_are_found_free(redis: Redis) -> None:
    """
    Records lost in Redis do not stop a repository for ever.
    """
    inbox = RedisInbox(redis, places=1)
    sent = await accepted(inbox, NOISY, 2)
    await redis.delete(f"odyssey:inbox:{sent[0].id}")
    await redis.delete(QUEUE)
    await until_lease_is_over(redis, sent[1].id)

    await inbox.recover()

    assert await worked_off(inbox) == [sent[1].id]


async def test_a_paused_installations_deliveries_are_not_tried(redis: Redis) -> None:
    """
    They wait until the moment GitHub named, uncounted; another installation's go on.
    """
    inbox, budget = RedisInbox(redis, places=2), RedisBudget(redis)
    sent = await accepted(inbox, NOISY, 5)
    await budget.pause(NOISY.installation_id, timedelta(seconds=30))
    [other] = await accepted(inbox, QUIET, 1)
    order = await worked_off(inbox)
    now_ms = await _now_ms(redis)
    due = [score - now_ms for _, score in await redis.zrange(QUEUE, 0, -1, withscores=True)]

    assert order == [other.id]
    assert len(due) == 2, "the others stay in their line, and do not come and go in vain"
    assert all(29_000 < each <= 31_000 for each in due)

    await redis.delete(f"odyssey:pause:{NOISY.installation_id}")
    taken = await inbox.take(sent[0].id)
    assert taken is not None
    assert (taken.attempt, taken.is_repeated) == (1, False)


async def test_a_rate_limit_met_at_work_is_not_counted(redis: Redis) -> None:
    """
    The same attempt comes again, but it is known that it may have left something behind.
    """
    inbox = RedisInbox(redis)
    [sent] = await accepted(inbox, NOISY, 1)
    await inbox.take(sent.id)
    await inbox.retry(sent.id, timedelta(0), counts=False)

    assert await inbox.take(sent.id) == replace(sent, attempt=1, is_repeated=True)


async def test_every_take_counts_whether_or_not_its_worker_lives(redis: Redis) -> None:
    """
    What kills its worker is seen to be taken again and again.
    """
    inbox = RedisInbox(redis)
    [sent] = await accepted(inbox, NOISY, 1)
    attempts = []
    for _ in range(4):
        taken = await inbox.take(sent.id)
        assert taken is not None
        attempts.append(taken.attempt)
        await until_lease_is_over(redis, sent.id)
        await inbox.recover()

    assert attempts == [1, 2, 3, 4]


async def test_one_fresh_look_settles_what_waited_for_one(redis: Redis) -> None:
    """
    What came before it was taken is done with it; what came later is worked.
    """
    inbox = RedisInbox(redis, places=2)
    before = [of(NOISY, subject=PULL) for _ in range(20)]
    other = of(NOISY, subject=PullRequestRef(NOISY, 8))
    for each in (*before, other):
        await inbox.accept(each)
    look = await inbox.take_next()
    assert look is not None
    later = of(NOISY, subject=PULL)
    await inbox.accept(later)
    await inbox.done(look.id, settles=True)

    assert sorted(await worked_off(inbox)) == sorted([other.id, later.id])
    assert await inbox.is_quiet()
    assert not await inbox.accept(before[5]), "it is done, and remembered as that"


async def test_a_look_that_failed_settles_nothing(redis: Redis) -> None:
    """
    Nor does one that is not done as a look: whoever waited is worked for itself.
    """
    inbox = RedisInbox(redis)
    sent = [of(NOISY, subject=PULL) for _ in range(3)]
    for each in sent:
        await inbox.accept(each)
    await inbox.take(sent[0].id)
    await inbox.failed(sent[0].id, "no such pull request")
    await inbox.take(sent[1].id)
    await inbox.done(sent[1].id, settles=False)

    assert await worked_off(inbox) == [sent[2].id]


async def test_a_look_does_not_end_what_another_worker_has_taken_since(redis: Redis) -> None:
    """
    Its own end counts.
    """
    inbox, other = RedisInbox(redis), RedisInbox(redis)
    first, second = of(NOISY, subject=PULL), of(NOISY, subject=PULL)
    await inbox.accept(first)
    await inbox.accept(second)
    await inbox.take(first.id)
    await other.take(second.id)
    await inbox.done(first.id, settles=True)

    assert (await record(redis, second))[b"state"] == b"leased"


async def test_an_owed_answer_is_kept_in_the_step_that_gives_up(redis: Redis) -> None:
    """
    There is no moment in which the one is true and the other not; and it is owed once.
    """
    inbox = RedisInbox(redis)
    [sent] = await accepted(inbox, NOISY, 1)
    owed = replace(delivery(), id=DeliveryId(f"answer-{sent.id}"), repository=NOISY)
    await inbox.take(sent.id)
    await inbox.failed(sent.id, "GitHub did not answer", owed=owed)
    waiting = await queued(redis)
    answer = await inbox.take_next()
    await inbox.done(owed.id)
    await inbox.accept(sent)
    await inbox.take(sent.id)
    await inbox.failed(sent.id, "GitHub did not answer", owed=owed)

    assert waiting == [owed.id]
    assert answer == owed
    assert await redis.zrange(OPEN, 0, -1) == []


async def test_a_hundred_at_work_do_not_hide_what_waits(redis: Redis) -> None:
    """
    arq reads the first hundred jobs that are due: those at work are not among them.
    """
    inbox = RedisInbox(redis)
    for number in range(120):
        await inbox.accept(of(RepositoryRef(InstallationId(number), "owner", "name")))
        assert await inbox.take_next() is not None
    waiting = of(QUIET)
    await inbox.accept(waiting)
    due = await redis.zrangebyscore(QUEUE, "-inf", await _now_ms(redis))

    assert due == [f"delivery:{waiting.id}:1".encode()]


async def _now_ms(redis: Redis) -> float:
    seconds, micros = await redis.time()
    return float(seconds * 1000 + micros / 1000)
