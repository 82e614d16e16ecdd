"""
The merge itself: what is kept of it when nobody knows whether it happened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from handlers.conftest import Desk
from odyssey.adapters.redis_proposals import RedisProposalStore
from odyssey.domain import gate
from odyssey.domain.change import Files
from odyssey.domain.errors import Busy
from odyssey.domain.policy import MergeMethod
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import PullRequest
from odyssey.domain.verdict import Verdict
from odyssey.handlers.merge import merge
from odyssey.handlers.propose import propose


class LosesBase(RedisProposalStore):
    """A store in which the lock of a base branch is lost right before it is let go."""

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """See `ProposalStore.lock`."""
        async with super().lock(key):
            yield
        if key.startswith("base:"):
            raise Busy("lost")


async def test_a_merge_that_was_sent_is_kept_when_its_lock_is_lost(
    desk: Desk, redis: Redis
) -> None:
    """GitHub may have merged: the audit needs what was judged."""
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    assert proposal.head_sha is not None
    verdict = Verdict(
        head_sha=proposal.head_sha, head_tree="1" * 40, base_branch="main", base_sha="2" * 40,
        method="squash", policy_digest="", evidence_digest="", approvals=("ben",),
    )  # fmt: skip
    decision = gate.Merge(
        conditions=(), head_sha=proposal.head_sha, base_branch="main", method=MergeMethod.SQUASH,
        deletes_branch=True, approved_by=("ben",), automatic=False, verdict=verdict,
    )  # fmt: skip

    async def judge(proposal: Proposal, pull: PullRequest) -> gate.Decision:
        return decision

    ports = replace(desk.ports, proposals=LosesBase(redis))
    with pytest.raises(Busy):
        await merge(proposal, decision, ports, judge=judge)
    after = await desk.ports.proposals.get(proposal.id)

    assert (await desk.read(f"pulls/{proposal.pull_number}"))["merged"]
    assert after and after.merge
    assert after.merge.is_unanswered
    assert after.merge.verdict == verdict
