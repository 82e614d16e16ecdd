"""
Asked: which proposal a comment is about, and which one it asks for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from odyssey.domain.errors import NotProposable
from odyssey.domain.events import IssueCommented
from odyssey.domain.identifiers import ProposalId, PullRequestRef, RepositoryRef, proposal_id
from odyssey.domain.proposal import Proposal
from odyssey.ports import Ports

Kind = Literal["comment", "revert"]

SEEN_WITHIN = timedelta(seconds=5)
"""Later than this after a write GitHub's reads show it: a comment that is not there is deleted."""


def seed_of(comment_id: int, index: int, *, kind: Kind = "comment") -> tuple[str, str, str]:
    """What tells the command at place *index* of a comment from every other of its repository."""
    return (kind, str(comment_id), str(index))


def asked_in(
    repository: RepositoryRef, comment_id: int, index: int, *, kind: Kind = "comment"
) -> ProposalId:
    """The proposal that the command at place *index* of a comment asks for."""
    return proposal_id(repository.full_name.lower(), *seed_of(comment_id, index, kind=kind))


async def find_proposal(event: IssueCommented, ports: Ports) -> Proposal | None:
    """The proposal a command is about: of this pull request, or the newest one of this issue."""
    if event.is_pull_request:
        return await ports.proposals.find_by_pull_request(
            PullRequestRef(event.repository, event.number)
        )
    newest = await ports.proposals.newest(limit=50, repository=event.repository.full_name)
    return next(
        (each for each in newest if each.issue_number == event.number and each.pull_number), None
    )


async def get_proposal(event: IssueCommented, ports: Ports) -> Proposal:
    """
    The same.

    Raises:
        NotProposable: it is about none.
    """
    found = await find_proposal(event, ports)
    if found is None:
        where = "pull request is no proposal" if event.is_pull_request else "issue has no proposal"
        raise NotProposable(
            f"This {where} of Odyssey's. Start one with `/odyssey propose` on an issue."
        )
    return found
