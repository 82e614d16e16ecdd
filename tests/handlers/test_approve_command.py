"""
An approval by command is refused only for what is so, and counts only while its comment is there.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.domain.errors import Conflict, NotProposable
from odyssey.domain.events import IssueCommented
from odyssey.domain.proposal import Proposal
from odyssey.handlers.approve_command import approve_by_command
from odyssey.handlers.asked import SEEN_WITHIN
from odyssey.handlers.propose import propose
from odyssey.handlers.reconcile import look, reconcile
from odyssey.simulator import Fault, stale_read

POLICY = {".github/odyssey.yml": "version: 1\napprovals: {commands: true}\n"}


async def proposed(desk: Desk) -> Proposal:
    """A proposal of ada's, which may be approved by command."""
    await desk.person("ada").push(REPOSITORY, "main", POLICY, "Take commands")
    return await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)


async def approving(desk: Desk, proposal: Proposal, sha: str) -> IssueCommented:
    """The event of ben's approval of *sha*."""
    event = await desk.commented(f"/odyssey approve {sha}", by="ben")
    return replace(event, number=proposal.pull_request.number, is_pull_request=True)


async def approvals(desk: Desk, proposal: Proposal) -> str:
    """What the gate says of them."""
    stored = await desk.ports.proposals.get(proposal.id)
    _, conditions = await look(stored or proposal, desk.ports)
    return next(each.sentence for each in conditions if each.number == 5)


def lagging(times: int) -> Fault:
    """Reads of the pull request that show it as it was before its last change."""
    fault = stale_read("/graphql", times=times)
    fault.method = "POST"
    return fault


async def test_a_head_that_a_read_does_not_know_yet_is_approved(desk: Desk) -> None:
    """The person has seen it; a refusal would be the last word."""
    proposal = await proposed(desk)
    sha = await desk.person("ada").push(
        REPOSITORY, proposal.branch, {"x.md": "More.\n"}, "Say more"
    )
    desk.simulator.faults.add(lagging(1))
    await approve_by_command(proposal, sha, await approving(desk, proposal, sha), desk.ports)

    assert "by ben" in await approvals(desk, proposal)


async def test_another_head_is_not(desk: Desk) -> None:
    """Whatever is read, it is another one."""
    proposal = await proposed(desk)
    event = await approving(desk, proposal, "0" * 40)
    with pytest.raises(NotProposable):
        await approve_by_command(proposal, "0" * 40, event, desk.ports)

    assert "0 of 1 approvals" in await approvals(desk, proposal)


async def test_a_comment_that_github_fails_to_show_counts_again_when_it_does(desk: Desk) -> None:
    """What is new may not be shown yet; of what is older one missing read proves little."""
    proposal = await proposed(desk)
    sha = proposal.head_sha or ""
    event = await approving(desk, proposal, sha)
    await approve_by_command(proposal, sha, event, desk.ports)
    missing = Fault("GET", rf".*/issues/comments/{event.comment_id}", status=404, times=2)
    desk.simulator.faults.add(missing)
    with pytest.raises(Conflict, match="not to be seen yet"):
        await reconcile(proposal.pull_request, desk.ports)
    stored = await desk.ports.proposals.get(proposal.id)
    assert stored is not None
    older = tuple(replace(each, at=each.at - SEEN_WITHIN) for each in stored.command_approvals)
    await desk.ports.proposals.put(replace(stored, command_approvals=older))
    while_missing = await reconcile(proposal.pull_request, desk.ports)

    assert missing.used == 2
    assert while_missing and while_missing.command_approvals == older
    assert "by ben" in await approvals(desk, proposal)


async def test_it_goes_with_its_comment_wherever_that_was(desk: Desk) -> None:
    """In the thread of an issue; no delivery tells of it."""
    proposal = await proposed(desk)
    sha = proposal.head_sha or ""
    event = await approving(desk, proposal, sha)
    await approve_by_command(proposal, sha, event, desk.ports)
    stored = await desk.ports.proposals.get(proposal.id)
    assert stored is not None
    older = tuple(replace(each, at=each.at - SEEN_WITHIN) for each in stored.command_approvals)
    await desk.ports.proposals.put(replace(stored, command_approvals=older))
    before = await approvals(desk, proposal)
    path = f"/repos/{REPOSITORY}/issues/comments/{event.comment_id}"
    await desk.person("ben").request("DELETE", path)

    assert "by ben" in before
    assert "0 of 1 approvals" in await approvals(desk, proposal)
