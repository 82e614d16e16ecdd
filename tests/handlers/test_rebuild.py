"""
Rebuild: what is known is neither put back nor lost, whoever opens or renames something meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from handlers.conftest import REPOSITORY, Desk
from odyssey.adapters.redis_proposals import BY_PULL_REQUEST
from odyssey.domain.change import Files
from odyssey.domain.errors import Unavailable
from odyssey.domain.identifiers import InstallationId
from odyssey.handlers.propose import propose
from odyssey.handlers.rebuild import know, rebuild_missing
from odyssey.handlers.reject import reject
from odyssey.handlers.sweep_proposals import sweep_proposals
from odyssey.simulator import Fault, late_answer


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


@pytest.mark.parametrize("is_rejected", [False, True])
async def test_a_proposal_of_a_repository_with_a_new_name_is_followed_there(
    desk: Desk, redis: Redis, is_rejected: bool
) -> None:
    """Its record is the old name's; of the pull request its id tells, also of a closed one."""
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    if is_rejected:
        proposal = await reject(proposal, desk.ports, by="ben", reason="Not now")
    ref = proposal.pull_request
    old = replace(ref.repository, name="welcomer")
    await desk.ports.proposals.put(replace(proposal, repository=old))
    await redis.delete(BY_PULL_REQUEST)
    rebuilt = await rebuild_missing(ref, desk.ports)

    assert rebuilt is not None
    assert rebuilt.repository == ref.repository
    assert await desk.ports.proposals.find_by_pull_request(ref) == rebuilt


async def test_a_proposal_of_an_earlier_installation_is_taken_over_by_the_present_one(
    desk: Desk,
) -> None:
    """The App was removed and came back: with the old one nothing can be asked any more."""
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    gone = replace(proposal.repository, installation_id=InstallationId(9))
    await desk.ports.proposals.put(replace(proposal, repository=gone))
    await sweep_proposals(desk.ports)
    after = await desk.ports.proposals.get(proposal.id)

    assert after is not None
    assert after.repository == proposal.repository


async def test_a_locked_conversation_does_not_keep_its_repository_unknown(
    desk: Desk, redis: Redis
) -> None:
    """
    Nothing proves who asked, and it cannot be said there: the other events of the repository,
    which wait until all of it is known, go on.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    number = proposal.pull_number
    await desk.person("ada").request(
        "PATCH", f"/repos/{REPOSITORY}/pulls/{number}", {"body": "No record."}
    )
    desk.simulator.repository(REPOSITORY).check_runs.clear()
    await redis.flushdb()
    refusal = Fault("POST", rf".*/issues/{number}/comments", status=403, message="issue is locked")
    desk.simulator.faults.add(refusal)

    await know(desk.repository, desk.ports)

    assert refusal.used == 1
    assert await desk.ports.notes.knows_since(desk.repository) is not None
    assert await desk.ports.proposals.find_by_pull_request(proposal.pull_request) is None


async def test_who_meets_a_rebuild_that_is_under_way_waits_as_for_an_outage(desk: Desk) -> None:
    """
    A big one takes many minutes: the tries after a conflict are over before it is.
    """
    key = f"rebuild:{desk.repository.full_name.lower()}"
    async with desk.ports.proposals.lock(key):
        with pytest.raises(Unavailable, match="is being rebuilt"):
            await know(desk.repository, desk.ports)

    assert await know(desk.repository, desk.ports) <= desk.ports.now()
