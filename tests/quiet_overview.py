"""
The ports of healing, over values: for tests in which GitHub's lists are what the test says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from odyssey.domain.errors import NotFound, OdysseyError
from odyssey.domain.identifiers import HeadSha, PullRequestRef, RepositoryRef, RunId
from odyssey.ports.healing import (
    DeliveryAttempt,
    FoundRun,
    Installed,
    ListedComment,
    ListedPull,
    Traces,
)


@dataclass(slots=True)
class QuietOverview:
    """A GitHub on which nothing is."""

    async def repositories(self) -> Sequence[Installed]:
        """See `ports.healing.Overview`."""
        return ()

    async def open_pulls(self, repository: RepositoryRef) -> Sequence[ListedPull]:
        """See `ports.healing.Overview`."""
        return ()

    async def recent_pulls(self, repository: RepositoryRef) -> Sequence[ListedPull]:
        """See `ports.healing.Overview`."""
        return ()

    async def comments(
        self, repository: RepositoryRef, since: datetime, *, most: int
    ) -> Sequence[ListedComment]:
        """See `ports.healing.Overview`."""
        return ()

    async def comment(self, repository: RepositoryRef, comment_id: int) -> ListedComment | None:
        """See `ports.healing.Overview`."""
        return None

    async def comment_delivery(
        self, repository: RepositoryRef, comment: ListedComment
    ) -> bytes | None:
        """See `ports.healing.Overview`."""
        return None

    async def has_reacted(self, repository: RepositoryRef, comment_id: int) -> bool:
        """See `ports.healing.Overview`."""
        return False

    async def find_answer(self, repository: RepositoryRef, number: int, marker: str) -> bool:
        """See `ports.healing.Overview`."""
        return False

    async def find_pull(self, repository: RepositoryRef, branch: str) -> PullRequestRef | None:
        """See `ports.healing.Overview`."""
        return None

    async def traces(self, ref: PullRequestRef, head_sha: HeadSha) -> Traces:
        """See `ports.healing.Overview`."""
        raise NotFound(f"{ref} is nowhere")

    async def find_run(
        self, repository: RepositoryRef, *, workflow: str, nonce: str
    ) -> FoundRun | None:
        """See `ports.healing.Overview`."""
        return None

    async def run(self, repository: RepositoryRef, run_id: RunId) -> FoundRun | None:
        """See `ports.healing.Overview`."""
        return None


@dataclass(slots=True)
class DeliveryLog:
    """GitHub's log: *attempts*, newest first, which tries were asked for again, and what not."""

    attempts: list[DeliveryAttempt] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    refused: dict[int, OdysseyError] = field(default_factory=dict)

    async def since(self, start: datetime, *, most: int) -> Sequence[DeliveryAttempt]:
        """See `ports.healing.Deliveries`."""
        return [each for each in self.attempts if each.at >= start][:most]

    async def redeliver(self, attempt_id: int) -> None:
        """See `ports.healing.Deliveries`."""
        if attempt_id in self.refused:
            raise self.refused[attempt_id]
        self.asked.append(attempt_id)
