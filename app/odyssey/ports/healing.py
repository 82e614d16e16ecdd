"""
What Odyssey needs from outside to heal itself: GitHub's log of deliveries, an overview of what is
there, and notes of its own that may be lost.

Like `ports`: each method raises `Unavailable` when the service did not answer, and may then be
called again. All of them are reads unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from odyssey.domain.identifiers import (
    DeliveryId,
    HeadSha,
    PullRequestRef,
    RepositoryRef,
    RunId,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """
    One line of GitHub's log: one try to hand one delivery to Odyssey.

    `id` is of the try, `guid` of the delivery: a redelivery has a new `id` and the same `guid`.
    `status_code` is 0 where nobody answered.
    """

    id: int
    guid: DeliveryId
    at: datetime
    is_ok: bool
    status_code: int
    event: str
    action: str | None


class Deliveries(Protocol):
    """GitHub's log of the App's webhook deliveries, kept for three days."""

    async def since(self, start: datetime, *, most: int) -> Sequence[DeliveryAttempt]:
        """The tries since *start*, newest first; of more than *most*, the newest."""
        ...

    async def redeliver(self, attempt_id: int) -> None:
        """
        Asks GitHub to send the delivery of that try once more; a write, and repeatable.

        Raises:
            NotFound: GitHub does not keep it any more.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A repository the App is installed on, and since when its installation is there."""

    repository: RepositoryRef
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPull:
    """A pull request as a list shows it."""

    number: int
    author: str
    head_branch: str
    head_sha: HeadSha
    base_branch: str
    is_open: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedComment:
    """
    A comment on an issue or pull request, as a list shows it; GraphQL calls it `node_id`.
    """

    id: int
    node_id: str
    number: int
    author: str
    author_is_person: bool
    body: str
    url: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """
    A text that GitHub keeps, with what says whose it is.

    `is_ours_alone` is True where GitHub itself vouches that Odyssey wrote it and nobody
    changed it since.
    """

    id: int
    body: str
    is_ours_alone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCheckRun:
    """
    A check run of Odyssey's own App. Nobody else can make or change one.
    """

    id: int
    external_id: str
    summary: str
    conclusion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """
    What Odyssey left on one of its pull requests: all that a rebuild has to go by.

    `comments` are the App's, oldest first; people who may write could have edited them.
    """

    description: Written
    opened_at: datetime
    closed_at: datetime | None
    first_message: str
    merge_message: str
    check_runs: Sequence[FoundCheckRun]
    comments: Sequence[Written]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRun:
    """
    A workflow run, with the JSON that a `workflow_run` delivery would bring of it.
    """

    id: RunId
    attempt: int
    is_completed: bool
    body: bytes


class Overview(Protocol):
    """
    Everything the App may see, read in lists.

    What was read before is asked for conditionally: GitHub does not count an answer that
    nothing changed.
    """

    async def repositories(self) -> Sequence[Installed]:
        """Every repository the App is installed on; none of a suspended installation."""
        ...

    async def open_pulls(self, repository: RepositoryRef) -> Sequence[ListedPull]:
        """All open pull requests, everybody's."""
        ...

    async def recent_pulls(self, repository: RepositoryRef) -> Sequence[ListedPull]:
        """The pull requests in which something happened last, open or not, at most 100."""
        ...

    async def comments(
        self, repository: RepositoryRef, since: datetime, *, most: int
    ) -> Sequence[ListedComment]:
        """The comments written or changed since, oldest first; of more than *most*, the oldest."""
        ...

    async def comment(self, repository: RepositoryRef, comment_id: int) -> ListedComment | None:
        """One comment; None when there is none. Its author is GitHub's word."""
        ...

    async def comment_delivery(
        self, repository: RepositoryRef, comment: ListedComment
    ) -> bytes | None:
        """
        The JSON that an `issue_comment` delivery would have brought of *comment*.

        None where it is gone, or was edited: its text may be somebody else's. GitHub's times
        are whole seconds, so that an edit within the first does not show in them.
        """
        ...

    async def has_reacted(self, repository: RepositoryRef, comment_id: int) -> bool:
        """Whether the App itself put its eyes on a comment: it began to work it."""
        ...

    async def find_answer(self, repository: RepositoryRef, number: int, marker: str) -> bool:
        """Whether the App wrote a comment with *marker* there."""
        ...

    async def find_pull(self, repository: RepositoryRef, branch: str) -> PullRequestRef | None:
        """The App's newest pull request from *branch*, open or not."""
        ...

    async def traces(self, ref: PullRequestRef, head_sha: HeadSha) -> Traces:
        """
        What Odyssey left on a pull request of its own whose head is *head_sha*.

        Raises:
            NotFound: no such pull request, or the App may not see it.
        """
        ...

    async def find_run(
        self, repository: RepositoryRef, *, workflow: str, nonce: str
    ) -> FoundRun | None:
        """The run that the App itself dispatched with *nonce* in its name."""
        ...

    async def run(self, repository: RepositoryRef, run_id: RunId) -> FoundRun | None:
        """The run with this id; None when it is gone."""
        ...


APOLOGISED = "apologised:"
"""How the name begins under which `Notes.tries` counts that a comment's author was told of a
command that was given up; the comment's id follows."""


class Notes(Protocol):
    """
    What Odyssey keeps beside the proposals to do things once; all of it may be lost.

    Lost, it costs reads of GitHub, and never a second effect; an alarm is then only as
    firm as the label on its issue.
    """

    async def knows_since(self, repository: RepositoryRef) -> datetime | None:
        """
        From when on everything of this repository is in the store.

        None: nothing is known of it, because it is new or because the store was lost.
        """
        ...

    async def knows(self, repository: RepositoryRef, since: datetime) -> None:
        """Keeps that what was before *since* has been looked for on GitHub. Repeatable."""
        ...

    async def was_untouched(self, repository: RepositoryRef, comment_id: int) -> bool:
        """Whether `untouched` was kept of the comment."""
        ...

    async def untouched(self, repository: RepositoryRef, comment_id: int) -> None:
        """Keeps that nothing had been done for the comment when the store first knew it."""
        ...

    async def is_obeyed(self, repository: RepositoryRef, comment_id: int) -> bool:
        """Whether the comment's commands were carried out and answered."""
        ...

    async def obeyed(self, repository: RepositoryRef, comment_id: int) -> None:
        """Keeps that they were. Repeatable."""
        ...

    async def alarms(self, repository: RepositoryRef) -> frozenset[int]:
        """The issues of the alarms that were raised here and are not answered."""
        ...

    async def alarm_raised(self, repository: RepositoryRef, issue: int) -> None:
        """Keeps that the alarm of *issue* stands. Repeatable."""
        ...

    async def alarm_answered(self, repository: RepositoryRef, issue: int) -> None:
        """Keeps that it does not stand any more. Repeatable."""
        ...

    async def time(self, name: str) -> datetime | None:
        """The time kept as *name*."""
        ...

    async def set_time(self, name: str, at: datetime) -> None:
        """Keeps *at* as *name*. Repeatable."""
        ...

    async def tries(self, name: str) -> tuple[int, datetime | None]:
        """How often *name* was tried, and when last."""
        ...

    async def tried(self, name: str, at: datetime) -> None:
        """Counts one more try of *name*; forgotten after a week without one."""
        ...


__all__ = [
    "APOLOGISED", "Deliveries", "DeliveryAttempt", "FoundCheckRun", "FoundRun", "Installed",
    "ListedComment", "ListedPull", "Notes", "Overview", "Traces", "Written",
]  # fmt: skip
