"""
Rebuild: what another worker opens just now is not put back to what was known before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from redis.asyncio import Redis

from handlers.conftest import Desk
from odyssey.adapters.redis_proposals import BY_PULL_REQUEST
from odyssey.domain.change import Files
from odyssey.handlers.propose import propose
from odyssey.handlers.rebuild import rebuild_missing
from odyssey.simulator import late_answer


def note(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    """What sets *event*."""

    async def set_it() -> None:
        event.set()

    return set_it


async def test_a_pull_request_that_is_just_being_opened_is_waited_for(
    desk: Desk, redis: Redis
) -> None:
    """
    Its proposal has no number yet, and is written by whoever holds its lock, and nobody else.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    ref = proposal.pull_request
    await redis.delete(BY_PULL_REQUEST)
    begun = replace(proposal, pull_number=None, validation=None)
    await desk.ports.proposals.put(begun)
    assert await desk.ports.proposals.find_by_pull_request(ref) is None

    async with desk.ports.proposals.lock(f"proposal:{proposal.id}"):
        asked = asyncio.Event()
        desk.simulator.faults.add(late_answer("/graphql", note(asked), method="POST"))
        looking = asyncio.create_task(rebuild_missing(ref, desk.ports))
        await asyncio.wait_for(asked.wait(), 30)
        assert not looking.done()
        await desk.ports.proposals.put(proposal)

    assert await looking is None
    assert await desk.ports.proposals.find_by_pull_request(ref) == proposal
