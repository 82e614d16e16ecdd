"""
What Odyssey needs from outside, as contracts.

Each adapter implements one of these with one client library; `bootstrap`
chooses. Unless a method says otherwise it raises `Unavailable` (or its
`RateLimited`) when the service did not answer, and may then be called again.
"Repeatable" means that a second call with the same arguments does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from odyssey.domain.change import Change, CheckRun
from odyssey.domain.identifiers import (
    DeliveryId,
    HeadSha,
    ProposalId,
    PullRequestRef,
    RepositoryRef,
    RunId,
)
from odyssey.domain.memory.record import Recollection, Record, Tenant
from odyssey.domain.policy import ApprovalMode, MergeMethod, Policy
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import Permission, PullRequest


class GitHub(Protocol):
    """GitHub as one App sees it."""

    async def snapshot(self, ref: PullRequestRef) -> PullRequest:
        """
        One consistent read of a pull request, its reviews and its policy. Repeatable.

        Raises:
            NotFound: no such pull request, or the App may not see it.
        """
        ...

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        """What *login* may do; `Permission.NONE` for a stranger. Repeatable."""
        ...

    async def find_installation(self, full_name: str) -> RepositoryRef | None:
        """The repository, if the App is installed on it. Repeatable."""
        ...

    async def default_branch(self, repository: RepositoryRef) -> str:
        """The branch pull requests go to. Repeatable."""
        ...

    async def react(self, repository: RepositoryRef, comment_id: int, content: str) -> None:
        """Adds a reaction to an issue comment. Repeatable: GitHub keeps one of each."""
        ...

    async def open_pull_request(
        self, repository: RepositoryRef, *, head: str, base: str, title: str, body: str
    ) -> int:
        """
        The number of the pull request from *head* into *base*, opened if there is none.

        Repeatable.
        """
        ...

    async def close_pull_request(self, ref: PullRequestRef) -> None:
        """Closes without a merge. Repeatable."""
        ...

    async def post_comment(
        self,
        repository: RepositoryRef,
        number: int,
        body: str,
        *,
        marker: str,
        look_first: bool = False,
    ) -> int:
        """
        Comments on an issue or pull request; the comment's id.

        *marker* is hidden in *body*. With *look_first* (an earlier try may have
        come through) a comment of ours with this marker is looked for before
        another is made; likewise after an answer that leaves it open.
        """
        ...

    async def edit_comment(self, repository: RepositoryRef, comment_id: int, body: str) -> None:
        """
        Replaces a comment's body. Repeatable.

        Raises:
            NotFound: somebody deleted the comment.
        """
        ...

    async def put_check_run(
        self,
        repository: RepositoryRef,
        check_run: CheckRun,
        *,
        check_run_id: int | None,
        look_first: bool = False,
    ) -> int:
        """
        Creates the check run, or updates the one with *check_run_id*; its id.

        At most 50 annotations go with one request; the rest is appended. With
        *look_first* one of ours with the same head SHA and external id is taken.
        """
        ...

    async def dispatch(
        self,
        repository: RepositoryRef,
        *,
        workflow: str,
        branch: str,
        inputs: Mapping[str, str],
        nonce: str,
        look_first: bool = False,
    ) -> RunId:
        """
        Starts *workflow* on *branch*; the run's id.

        *nonce* is part of the run's name. With *look_first*, and after an answer
        that leaves it open, a run of that name is looked for before another is started.

        Raises:
            NotFound: the branch has no such workflow, or it cannot be dispatched.
        """
        ...

    async def report(self, repository: RepositoryRef, run_id: RunId, *, artifact: str) -> bytes:
        """
        `report.json` from the run's artifact of that name, at most 2 MB. Repeatable.

        Raises:
            NotFound: the run left no such artifact, or it is expired or no such archive.
        """
        ...

    async def merge(
        self,
        ref: PullRequestRef,
        *,
        head_sha: HeadSha,
        method: MergeMethod,
        title: str,
        message: str,
    ) -> str:
        """
        Merges exactly *head_sha*; the merge commit's SHA.

        Raises:
            HeadShaChanged: the head is another one now (409).
            BaseChanged: the base moved meanwhile (405); try again.
            NotMergeable: GitHub refuses (405, 403, 422) and says why.
            Unavailable: not known whether it merged: read before another try.
        """
        ...

    async def viewer(self, user_token: str) -> str:
        """
        The login a user token belongs to. Repeatable.

        Raises:
            PermissionDenied: GitHub does not know the token.
        """
        ...

    async def approve_as(
        self, user_token: str, ref: PullRequestRef, *, head_sha: HeadSha, body: str
    ) -> None:
        """
        Submits an approving review of *head_sha* as the token's owner.

        Raises:
            PermissionDenied: GitHub refuses, for instance one's own pull request.
        """
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseTree:
    """
    The base branch at one commit, as far as a proposal needs it.

    `policy_text` and `workflows` (file names) are read from this very commit.
    """

    branch: str
    sha: str
    policy_text: str | None
    workflows: tuple[str, ...]


class Repositories(Protocol):
    """Real git: fetches a base branch, commits a change on it, pushes it."""

    async def base(self, repository: RepositoryRef, branch: str) -> BaseTree:
        """
        The present tip of *branch*. Repeatable.

        Raises:
            NotFound: no such branch.
        """
        ...

    async def commit(
        self,
        repository: RepositoryRef,
        change: Change,
        *,
        base: BaseTree,
        policy: Policy,
        message: str,
        at: datetime,
    ) -> Commit:
        """
        A commit with *change* on top of *base*; nothing leaves this machine yet. Repeatable:
        the same arguments give the same SHA.

        Raises:
            ChangeRefused: does not apply, is empty, too large, or touches what no
                change may (see its subclasses).
        """
        ...

    async def find_branch(self, repository: RepositoryRef, branch: str) -> HeadSha | None:
        """Where *branch* is now; None when there is none. Repeatable."""
        ...

    async def push(self, repository: RepositoryRef, commit: Commit, branch: str) -> None:
        """
        Creates *branch* at *commit*. Repeatable: a branch already there at this commit is fine.

        Raises:
            BranchExists: the branch is there with other content.
            NotProposable: the branch's prefix is itself a branch.
            PermissionDenied: GitHub refuses the push (workflow files, a ruleset); says why.
        """
        ...

    async def delete_branch(
        self, repository: RepositoryRef, branch: str, *, head_sha: HeadSha
    ) -> bool:
        """Deletes *branch* if it still is at *head_sha*; whether it is gone now. Repeatable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """
    A commit made on this machine.

    `patch_id` is equal for equal changes, whatever they are based on
    (git patch-id --stable). `paths` are all paths it touches.
    """

    sha: HeadSha
    patch_id: str
    paths: tuple[str, ...]
    lines: int


RECONCILE = "odyssey_reconcile"
"""
The event of a delivery that Odyssey hands to itself (`Inbox.ask_reconcile`).

Its body is `{"installation_id", "owner", "name", "number"}`. The web intake
takes no event of this name.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook POST as it was accepted."""

    id: DeliveryId
    event: str
    body: bytes
    received_at: datetime
    attempt: int = 1


class Inbox(Protocol):
    """The durable inbox of deliveries, keyed by delivery id."""

    async def accept(self, delivery: Delivery) -> bool:
        """
        Keeps the delivery and hands it to a worker; durable when this returns.

        False when the id is already waiting, being worked or done. A failed one
        is taken again. Repeatable.
        """
        ...

    async def ask_reconcile(self, ref: PullRequestRef) -> None:
        """Hands a fresh look at *ref* to a worker, as durable as a delivery. Repeatable."""
        ...

    async def take(self, delivery_id: DeliveryId) -> Delivery | None:
        """The delivery, now leased to the caller; None when it is done, gone or leased."""
        ...

    def heartbeat(self, delivery_id: DeliveryId) -> AbstractAsyncContextManager[None]:
        """Keeps the lease alive while the block runs; the process's death ends it."""
        ...

    async def recover(self) -> int:
        """Hands out again what a dead worker left behind; how many deliveries. Repeatable."""
        ...

    async def done(self, delivery_id: DeliveryId) -> None:
        """Its effects are made: never work it again."""
        ...

    async def failed(self, delivery_id: DeliveryId, reason: str) -> None:
        """Given up; a redelivery runs it again."""
        ...

    async def retry(self, delivery_id: DeliveryId, after: timedelta) -> None:
        """Gives the lease back and hands it to a worker again after *after*."""
        ...

    async def is_quiet(self) -> bool:
        """Whether nothing is waiting, scheduled or being worked."""
        ...


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


class Memory(Protocol):
    """Long memory: one tenant for each repository, never a query across tenants."""

    async def retain(self, tenant: Tenant, records: Sequence[Record]) -> None:
        """Keeps the records, durable when it returns. Repeatable by id."""
        ...

    async def recall(
        self,
        tenant: Tenant,
        query: str,
        *,
        limit: int = 8,
        kinds: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
    ) -> list[Recollection]:
        """
        The records most relevant to *query*, best first, at most *limit*.

        *where* compares attributes for equality; with an empty *query* the
        newest matching records are given.
        """
        ...

    async def forget(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> int:
        """Deletes what came from *source* or *person*; how many records. Repeatable."""
        ...

    async def close(self) -> None:
        """Ends connections and models."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """
    Who Odyssey is on GitHub and how it was configured.

    `approval_mode` is the server's default; a repository's policy overrules it.
    """

    bot_login: str
    approval_mode: ApprovalMode
    validation_artifact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All of the above, chosen by `bootstrap`."""

    app: App
    github: GitHub
    repositories: Repositories
    inbox: Inbox
    proposals: ProposalStore
    memory: Memory
    now: Callable[[], datetime]
    read_policy: Callable[[str | None], Policy]
    """The policy in a file's text; None gives the defaults. Raises `PolicyInvalid`."""


__all__ = [
    "RECONCILE", "App", "BaseTree", "Commit", "Delivery", "GitHub", "Inbox", "Memory", "Ports",
    "ProposalStore", "Repositories",
]  # fmt: skip
