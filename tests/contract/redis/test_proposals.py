"""
The store of proposals, and its locks, against a real server.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from odyssey.adapters.guard import guarded
from odyssey.adapters.redis_heart import BEAT
from odyssey.adapters.redis_inbox import OPEN
from odyssey.adapters.redis_proposals import RedisProposalStore, UnreadableRecord
from odyssey.domain.errors import Busy
from odyssey.domain.identifiers import (
    HeadSha,
    InstallationId,
    ProposalId,
    PullRequestRef,
    RepositoryRef,
    RunId,
    proposal_id,
)
from odyssey.domain.proposal import Proposal
from odyssey.domain.validation import Validation

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
WIDGETS = RepositoryRef(InstallationId(7), "Octo", "Widgets")
GADGETS = RepositoryRef(InstallationId(7), "octo", "gadgets")

TEXT = st.text(max_size=20)
TIMES = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 -- hypothesis adds the zone itself
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 -- as above
    timezones=st.just(UTC),
)
st.register_type_strategy(datetime, TIMES)
st.register_type_strategy(str, TEXT)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


def proposal(number: int, *, repository: RepositoryRef = WIDGETS) -> Proposal:
    """
    A proposal with pull request *number*, created *number* minutes after the first.
    """
    at = NOW + timedelta(minutes=number)
    identifier = proposal_id(repository.full_name, str(number))
    return Proposal(
        id=identifier,
        repository=repository,
        branch=f"proposal/{identifier}_change",
        base_branch="main",
        commit_message="feat: A change",
        requester="mona",
        requested_via="comment",
        source_url="https://github.com/octo/widgets/issues/1",
        issue_number=1,
        patch_id="0" * 40,
        paths=("a.py",),
        created_at=at,
        updated_at=at,
        head_sha=HeadSha(f"{number:040x}"),
        head_since=at,
        pull_number=number,
    )


@pytest.fixture
def store(redis: Redis) -> RedisProposalStore:
    """
    The store as a worker has it, with less patience.
    """
    return RedisProposalStore(redis, lock_wait=timedelta(milliseconds=150))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(kept=st.from_type(Proposal))
async def test_whatever_a_proposal_holds_comes_back_equal(
    store: RedisProposalStore, kept: Proposal
) -> None:
    """
    Every field of every part, times to the microsecond.
    """
    await store.put(kept)

    assert await store.get(kept.id) == kept


async def test_a_proposal_is_found_by_all_that_names_it(store: RedisProposalStore) -> None:
    """
    By pull request, by each head it ever had, by each run that was dispatched for it.
    """
    first = proposal(7)
    ran = Validation(
        head_sha=HeadSha("a" * 40), nonce="n", workflow="w.yml", requested_at=NOW, run_id=RunId(1)
    )
    await store.put(replace(first, head_sha=HeadSha("a" * 40), validation=ran))
    ran_again = replace(ran, head_sha=HeadSha("b" * 40), run_id=RunId(2))
    last = replace(first, head_sha=HeadSha("b" * 40), validation=ran_again)
    await store.put(last)

    assert await store.find_by_pull_request(PullRequestRef(WIDGETS, 7)) == last
    assert await store.find_by_head_sha(WIDGETS, HeadSha("a" * 40)) == last
    assert await store.find_by_head_sha(WIDGETS, HeadSha("b" * 40)) == last
    assert await store.find_by_run(WIDGETS, RunId(1)) == last
    assert await store.find_by_run(WIDGETS, RunId(2)) == last


async def test_what_belongs_to_another_repository_is_not_found(store: RedisProposalStore) -> None:
    """
    The same number, head or run elsewhere is something else; a name's case is not.
    """
    ran = Validation(
        head_sha=HeadSha(f"{7:040x}"), nonce="", workflow="", requested_at=NOW, run_id=RunId(1)
    )
    await store.put(replace(proposal(7), validation=ran))
    same = RepositoryRef(InstallationId(7), "OCTO", "widgets")

    assert await store.find_by_pull_request(PullRequestRef(GADGETS, 7)) is None
    assert await store.find_by_head_sha(GADGETS, HeadSha(f"{7:040x}")) is None
    assert await store.find_by_run(GADGETS, RunId(1)) is None
    assert await store.get(ProposalId("prop_aaaaaaaaaa")) is None
    assert await store.find_by_pull_request(PullRequestRef(same, 7)) is not None
    assert await store.find_by_run(same, RunId(1)) is not None


async def test_of_two_proposals_with_one_head_the_newer_is_found(
    store: RedisProposalStore,
) -> None:
    """
    Whichever of them was stored last.
    """
    head = HeadSha("c" * 40)
    older, newer = replace(proposal(1), head_sha=head), replace(proposal(2), head_sha=head)
    await store.put(newer)
    await store.put(older)

    assert await store.find_by_head_sha(WIDGETS, head) == newer


async def test_the_newest_come_first(store: RedisProposalStore) -> None:
    """
    By when they were made, not by when they were last stored; of one repository or of all.
    """
    ours = [proposal(number) for number in range(1, 6)]
    theirs = proposal(9, repository=GADGETS)
    for each in [ours[3], ours[0], theirs, ours[4], ours[1], ours[2], ours[0]]:
        await store.put(each)

    assert await store.newest(limit=3) == [theirs, ours[4], ours[3]]
    assert await store.newest(limit=50, repository="octo/widgets") == ours[::-1]
    assert await store.newest(limit=0) == []
    assert await store.newest(limit=9, repository="octo/none") == []


async def test_a_record_that_cannot_be_read_is_named_and_hides_no_other(
    store: RedisProposalStore, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The message says which, and that GitHub has the change anyway.
    """
    good, bad = proposal(1), proposal(2)
    await store.put(good)
    await store.put(bad)
    await redis.set(f"odyssey:proposal:{bad.id}", b'{"id": 5}')

    with pytest.raises(UnreadableRecord, match=bad.id):
        await store.get(bad.id)
    with caplog.at_level(logging.WARNING):
        assert await store.newest(limit=5) == [good]
    assert bad.id in caplog.text


async def test_a_record_with_fields_of_a_newer_version_is_read(
    store: RedisProposalStore, redis: Redis
) -> None:
    """
    So that a roll-back of the server finds its proposals.
    """
    kept = proposal(1)
    await store.put(kept)
    data = await redis.get(f"odyssey:proposal:{kept.id}")
    await redis.set(f"odyssey:proposal:{kept.id}", data[:-1] + b',"novelty":{"a":1}}')

    assert await store.get(kept.id) == kept


async def test_a_lock_has_one_holder_at_a_time(redis: Redis) -> None:
    """
    Twenty workers add to one number, each reading it first; none is lost.
    """
    stores = [RedisProposalStore(redis, lock_wait=timedelta(seconds=20)) for _ in range(20)]

    async def add(store: RedisProposalStore) -> None:
        async with store.lock("counter"):
            value = int(await redis.get("value") or 0)
            await redis.ping()
            await redis.set("value", value + 1)

    await asyncio.gather(*[add(each) for each in stores])

    assert await redis.get("value") == b"20"
    assert await redis.exists("odyssey:lock:counter") == 0


async def test_a_beat_that_comes_after_the_release_does_not_take_the_lock_again(
    redis: Redis,
) -> None:
    """
    The heart's thread may send it while the lock is released.
    """
    store = RedisProposalStore(redis, lock_ttl=timedelta(hours=1))
    async with store.lock("a"):
        holder = await redis.get("odyssey:lock:a")

    late = [b"lock", b"odyssey:lock:a", holder, b"3600000"]

    assert await redis.register_script(BEAT)(keys=[OPEN], args=late) == [0]
    assert await redis.exists("odyssey:lock:a") == 0


async def test_who_waits_too_long_is_told(store: RedisProposalStore) -> None:
    """
    And another key is free meanwhile.
    """
    async with store.lock("a"):
        with pytest.raises(Busy, match="'a'"):
            async with store.lock("a"):
                pass
        async with store.lock("b"):
            pass


async def test_who_waits_is_woken_by_the_release(redis: Redis) -> None:
    """
    At once: the lock would have lasted for an hour, and the wait is a minute.
    """
    patient = RedisProposalStore(redis, lock_ttl=timedelta(hours=1), lock_wait=timedelta(minutes=1))
    order = []

    async def wait() -> None:
        async with patient.lock("a"):
            order.append("second")

    async with patient.lock("a"):
        waiting = asyncio.create_task(wait())
        while not (await redis.info("clients"))["blocked_clients"]:
            pass  # the other one runs while the server is asked
        order.append("first")
    async with asyncio.timeout(0.9):
        await waiting

    assert order == ["first", "second"]


async def test_a_lock_is_extended_while_it_is_held(redis: Redis) -> None:
    """
    For several times its length another one does not get it.
    """
    holder = RedisProposalStore(redis, lock_ttl=timedelta(milliseconds=90))
    other = RedisProposalStore(redis, lock_wait=timedelta(milliseconds=300))
    async with holder.lock("a"):
        with pytest.raises(Busy):
            async with other.lock("a"):
                pass


async def test_the_lock_of_one_who_died_is_free_when_its_time_is_over(redis: Redis) -> None:
    """
    Nobody rings the bell then.
    """
    await redis.set("odyssey:lock:a", "of a dead one", px=100)
    store = RedisProposalStore(redis, lock_wait=timedelta(seconds=2))
    async with store.lock("a"):
        held = await redis.get("odyssey:lock:a")

    assert held not in (None, b"of a dead one")


async def test_a_lock_that_was_lost_ends_the_work_and_is_left_alone(redis: Redis) -> None:
    """
    Who holds it now keeps it; who lost it goes no further.
    """
    store = RedisProposalStore(redis, lock_ttl=timedelta(milliseconds=60))
    with pytest.raises(Busy, match="lost"):
        async with store.lock("a"):
            await redis.set("odyssey:lock:a", "somebody else")
            await asyncio.Event().wait()

    assert await redis.get("odyssey:lock:a") == b"somebody else"


async def test_an_error_under_a_lock_stays_what_it_is_and_frees_it(
    store: RedisProposalStore, redis: Redis
) -> None:
    """
    A time-out of the work itself is not mistaken for the lock's.
    """
    for kind in (KeyError, TimeoutError, asyncio.CancelledError):
        with pytest.raises(kind):
            async with store.lock("a"):
                raise kind

    assert await redis.exists("odyssey:lock:a") == 0


async def test_who_lost_what_it_holds_writes_no_fact(store: RedisProposalStore) -> None:
    """Its process stood still, and another worker knows more by now."""

    class Lost:
        async def check(self) -> None:
            raise Busy("the lock was lost")

    await store.put(proposal(1))
    with guarded(Lost()), pytest.raises(Busy):
        await store.put(replace(proposal(1), reviewer="ben"))

    assert await store.get(proposal(1).id) == proposal(1)


async def test_what_moved_to_another_repository_is_not_in_the_list_of_the_old_one(
    store: RedisProposalStore,
) -> None:
    """The old name may be another repository's by now."""
    await store.put(proposal(1))
    await store.put(proposal(2))
    moved = replace(proposal(2), repository=GADGETS)
    await store.put(moved)

    assert await store.newest(limit=9, repository=WIDGETS.full_name) == [proposal(1)]
    assert await store.newest(limit=9, repository=GADGETS.full_name) == [moved]
