"""
Where the facts of proposals are kept.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from odyssey.domain.identifiers import HeadSha, ProposalId, PullRequestRef, RepositoryRef, RunId
from odyssey.domain.proposal import Proposal


class ProposalStore(Protocol):
    """The facts of proposals. Every method is repeatable."""

    async def get(self, proposal_id: ProposalId) -> Proposal | None:
        """The proposal with this id."""
        ...

    async def find_by_pull_request(self, ref: PullRequestRef) -> Proposal | None:
        """The proposal this pull request belongs to; None for a pull request of somebody else."""
        ...

    async def find_by_head_sha(
        self, repository: RepositoryRef, head_sha: HeadSha
    ) -> Proposal | None:
        """The newest proposal that has or had this head."""
        ...

    async def find_by_run(self, repository: RepositoryRef, run_id: RunId) -> Proposal | None:
        """The proposal whose validation dispatched this run."""
        ...

    async def put(self, proposal: Proposal) -> None:
        """Stores the proposal with all its indexes, atomically."""
        ...

    async def newest(self, *, limit: int, repository: str | None = None) -> list[Proposal]:
        """Newest first; of one repository (full name) or of all."""
        ...

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        """
        One holder for *key* at a time, among all processes; waits a short while.

        Raises:
            Busy: another holder did not let go in time.
        """
        ...
