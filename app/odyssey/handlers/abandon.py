"""
Abandon: takes back what was begun for a comment that is gone, or for a command that is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from odyssey.domain.commands import Command, Propose, Revert
from odyssey.domain.errors import Unavailable
from odyssey.domain.events import IssueCommented
from odyssey.domain.identifiers import ProposalId, PullRequestRef
from odyssey.domain.proposal import Rejection
from odyssey.handlers.asked import asked_in
from odyssey.handlers.rebuild import rebuild_missing
from odyssey.ports import Ports


async def abandon(event: IssueCommented, commands: Sequence[Command], ports: Ports) -> None:
    """
    Leaves no branch behind that was pushed for a proposal of *event* and has no pull request.

    What has one was proposed before the comment was deleted, and stays.
    """
    for index, command in enumerate(commands):
        await abandon_one(
            command, index, event, ports, why="The comment that asked for it was deleted."
        )


async def abandon_one(
    command: Command, index: int, event: IssueCommented, ports: Ports, *, why: str
) -> None:
    """The same for the command at place *index* alone; *why* is kept with its proposal."""
    match command:
        case Propose():
            identifier = asked_in(event.repository, event.comment_id, index)
        case Revert():
            identifier = asked_in(event.repository, event.comment_id, index, kind="revert")
        case _:
            return
    await _abandon(identifier, why, ports)


async def _abandon(identifier: ProposalId, why: str, ports: Ports) -> None:
    opened = await _take_back(identifier, why, ports)
    if opened is not None:
        await rebuild_missing(opened, ports)
        await ports.inbox.ask_reconcile(opened)


async def _take_back(identifier: ProposalId, why: str, ports: Ports) -> PullRequestRef | None:
    """The pull request that was opened for it all the same; None where nothing is left."""
    async with ports.proposals.lock(f"proposal:{identifier}"):
        begun = await ports.proposals.get(identifier)
        if begun is None or begun.pull_number is not None or begun.rejection or not begun.head_sha:
            return None
        repository = begun.repository
        opened = await ports.overview.find_pull(repository, begun.branch)
        if opened is not None:
            return opened
        sha = begun.head_sha
        is_gone = await ports.repositories.delete_branch(repository, begun.branch, head_sha=sha)
        # Left there is only what somebody else has pushed to.
        if not is_gone and await ports.repositories.find_branch(repository, begun.branch) == sha:
            raise Unavailable(f"the branch {begun.branch} of {repository} was not deleted")
        gone = Rejection(
            by=ports.app.bot_login,
            reason=why,
            at=ports.now(),
            is_carried_out=True,
        )
        await ports.proposals.put(replace(begun, rejection=gone))
        return None
