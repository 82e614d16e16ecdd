"""
The facts of proposals in Redis, with their indexes, and the locks that guard them.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis

from odyssey.adapters.guard import check_guards
from odyssey.adapters.redis_connection import command, unavailable_without_redis
from odyssey.adapters.redis_heart import Heart, Hold, clock
from odyssey.adapters.redis_inbox import OPEN
from odyssey.domain.errors import Busy, OdysseyError, Unavailable
from odyssey.domain.identifiers import (
    HeadSha,
    ProposalId,
    PullRequestRef,
    RepositoryRef,
    RunId,
)
from odyssey.domain.proposal import Proposal

logger = logging.getLogger(__name__)

_RECORD: TypeAdapter[Proposal] = TypeAdapter(Proposal)

NEWEST = "odyssey:proposals"
BY_PULL_REQUEST = "odyssey:proposals:by-pull-request"
BY_RUN = "odyssey:proposals:by-run"

# Who had it last is kept for a while: if nobody else did, a lock that ran out is still one's own.
ACQUIRE = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
redis.call('SET', KEYS[1] .. ':last', ARGV[1], 'PX', 60000)
return 1
"""
# Exactly one who waits is woken; the bell is silent again after a second if nobody does.
# Nobody had it last any more: a beat that is still on its way must not take it again.
RELEASE = """
if redis.call('GET', KEYS[1] .. ':last') == ARGV[1] then redis.call('DEL', KEYS[1] .. ':last') end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('RPUSH', KEYS[2], '1')
redis.call('PEXPIRE', KEYS[2], 1000)
return 1
"""


class RedisProposalStore:
    """
    The port `ProposalStore`.

    A lock whose holder died is free again after *lock_ttl*; the *heart* of the
    living extends theirs. Whoever waits longer than *lock_wait* for one gets `Busy`.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        lock_ttl: timedelta = timedelta(seconds=1.2),
        lock_wait: timedelta = timedelta(seconds=5),
        heart: Heart | None = None,
    ) -> None:
        self._redis = redis
        self._lock_ttl = lock_ttl
        self._lock_wait = lock_wait
        self._take = redis.register_script(ACQUIRE)
        self._heart = heart or Heart(redis, open_key=OPEN)
        self._release = redis.register_script(RELEASE)

    async def get(self, proposal_id: ProposalId) -> Proposal | None:
        """See `ProposalStore.get`."""
        with unavailable_without_redis():
            data = await self._redis.get(_record_key(proposal_id))
        return None if data is None else _read(proposal_id, data)

    async def find_by_pull_request(self, ref: PullRequestRef) -> Proposal | None:
        """See `ProposalStore.find_by_pull_request`."""
        with unavailable_without_redis():
            found = await command(self._redis, "HGET", BY_PULL_REQUEST, _pull_request_field(ref))
        return await self._get_found(found)

    async def find_by_head_sha(
        self, repository: RepositoryRef, head_sha: HeadSha
    ) -> Proposal | None:
        """See `ProposalStore.find_by_head_sha`."""
        with unavailable_without_redis():
            found = await self._redis.zrange(_head_key(repository, head_sha), 0, 0, desc=True)
        return await self._get_found(found[0] if found else None)

    async def find_by_run(self, repository: RepositoryRef, run_id: RunId) -> Proposal | None:
        """See `ProposalStore.find_by_run`; also for runs of earlier validations."""
        with unavailable_without_redis():
            found = await command(self._redis, "HGET", BY_RUN, _run_field(repository, run_id))
        return await self._get_found(found)

    async def put(self, proposal: Proposal) -> None:
        """See `ProposalStore.put`; whoever lost a lock it holds writes nothing."""
        await check_guards()
        id, repository = proposal.id, proposal.repository
        at = proposal.created_at.timestamp()
        with unavailable_without_redis():
            async with self._redis.pipeline(transaction=True) as change:
                change.set(_record_key(id), _RECORD.dump_json(proposal))
                change.zadd(NEWEST, {id: at})
                change.zadd(_newest_key(repository.full_name), {id: at})
                if proposal.pull_number is not None:
                    change.hset(BY_PULL_REQUEST, _pull_request_field(proposal.pull_request), id)
                if proposal.head_sha is not None:
                    change.zadd(_head_key(repository, proposal.head_sha), {id: at})
                if proposal.validation and proposal.validation.run_id is not None:
                    change.hset(BY_RUN, _run_field(repository, proposal.validation.run_id), id)
                await change.execute()

    async def newest(self, *, limit: int, repository: str | None = None) -> list[Proposal]:
        """See `ProposalStore.newest`."""
        if limit < 1:
            return []
        key = NEWEST if repository is None else _newest_key(repository)
        with unavailable_without_redis():
            found: Sequence[bytes] = await self._redis.zrange(key, 0, limit - 1, desc=True)
            ids = [ProposalId(each.decode()) for each in found]
            records = await self._redis.mget([_record_key(each) for each in ids]) if ids else []
        proposals = []
        for id, data in zip(ids, records, strict=True):
            try:
                proposal = None if data is None else _read(id, data)
                # What has moved to a new name is in the old one's list as well.
                if proposal and (repository is None or _is_of(proposal, repository)):
                    proposals.append(proposal)
            except UnreadableRecord as error:
                # One bad record must not hide all the others.
                logger.warning("%s", error)
        return proposals

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """
        See `ProposalStore.lock`.

        Raises:
            Busy: also when the lock was lost while it was held, because Redis did
                not answer in time; the block is cancelled then.
        """
        token = secrets.token_hex(16)
        lock, bell = f"odyssey:lock:{key}", f"odyssey:lock:{key}:free"
        asked_at = await self._acquire(key, lock, bell, token)
        hold = Hold(
            "lock",
            lock,
            token,
            ttl=self._lock_ttl,
            since=asked_at,
            error=lambda: Busy(f"the lock {key!r} was lost while it was held; try again"),
        )
        try:
            async with self._heart.holding(hold):
                yield
        finally:
            try:
                with unavailable_without_redis():
                    await self._release(keys=[lock, bell], args=[token])
            except Unavailable as error:
                # What was done under the lock is done; the lock ends by itself.
                logger.warning("lock %r not released: %s", key, error)

    async def _acquire(self, key: str, lock: str, bell: str, token: str) -> float:
        give_up_at = time.monotonic() + self._lock_wait.total_seconds()
        with unavailable_without_redis():
            asked_at = clock()
            while not await self._take(
                keys=[lock], args=[token, self._lock_ttl // timedelta(milliseconds=1)]
            ):
                left = give_up_at - time.monotonic()
                if left <= 0:
                    raise Busy(f"the lock {key!r} is held by another worker; try again shortly")
                # A holder that died rings no bell: look again when its time is over.
                until_free = max(0.01, await self._redis.pttl(lock) / 1000)
                await command(self._redis, "BLPOP", bell, min(left, until_free, 1))
                asked_at = clock()
        return asked_at

    async def _get_found(self, found: bytes | None) -> Proposal | None:
        return None if found is None else await self.get(ProposalId(found.decode()))


class UnreadableRecord(OdysseyError):
    """
    A stored proposal that this version of Odyssey cannot read.
    """


def _is_of(proposal: Proposal, repository: str) -> bool:
    return proposal.repository.full_name.lower() == repository.lower()


def _read(id: ProposalId, data: bytes) -> Proposal:
    try:
        return _RECORD.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UnreadableRecord(
            f"the stored record of proposal {id} cannot be read "
            f"({'.'.join(map(str, first['loc']))}: {first['msg']}); "
            f"was it written by a newer Odyssey? Its pull request on GitHub is unaffected"
        ) from error


# GitHub's names of repositories ignore case.
def _newest_key(full_name: str) -> str:
    return f"{NEWEST}:of:{full_name.lower()}"


def _record_key(id: ProposalId) -> str:
    return f"odyssey:proposal:{id}"


def _head_key(repository: RepositoryRef, head_sha: HeadSha) -> str:
    return f"{NEWEST}:by-head:{repository.full_name.lower()}:{head_sha}"


def _pull_request_field(ref: PullRequestRef) -> str:
    return f"{ref.repository.full_name.lower()}#{ref.number}"


def _run_field(repository: RepositoryRef, run_id: RunId) -> str:
    return f"{repository.full_name.lower()}:{run_id}"
