"""
A proposal: one change Odyssey suggests, as one pull request.

Only facts that GitHub cannot tell are kept, each bound to the head SHA it is
about; what people read as its status is derived here. A push changes the head
SHA, and every fact about the old one simply stops matching.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from odyssey.domain.carry_over import CarriedApproval
from odyssey.domain.identifiers import HeadSha, ProposalId, PullRequestRef, RepositoryRef
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.validation import Validation


class Status(StrEnum):
    """The states people see, in the vocabulary of the REST API."""

    PROPOSED = "proposed"
    VALIDATION_PENDING = "validation_pending"
    VALIDATION_IN_PROGRESS = "validation_in_progress"
    VALIDATION_PASSED = "validation_passed"
    VALIDATION_FAILED = "validation_failed"
    USER_APPROVED = "user_approved"
    AUTO_APPROVED = "auto_approved"
    MERGE_PENDING = "merge_pending"
    MERGE_IN_PROGRESS = "merge_in_progress"
    MERGED = "merged"
    MERGE_FAILED = "merge_failed"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the proposal by itself."""
        return self in (Status.MERGED, Status.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiApproval:
    """
    An approval given through the REST API.

    With a user token it stands for a real review that the gate reads from GitHub;
    with a service token it counts only where the policy says so.
    """

    head_sha: HeadSha
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandApproval:
    """
    An approval given by `/odyssey approve <sha>`; it counts only where the policy says so.

    `at` is GitHub's time of the comment, which must still be there.
    """

    head_sha: HeadSha
    by: str
    comment_id: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PastHead:
    """
    A commit that was the head, and what approvals of it are judged by.

    `people` are the logins of its author and committer.
    """

    head_sha: HeadSha
    since: datetime
    committed_at: datetime
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundConflict:
    """The files in which a head conflicts with its base branch at one commit of that."""

    head_sha: HeadSha
    base_sha: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """That the gate's approval condition was met for a head SHA, and by whom; for display only."""

    head_sha: HeadSha
    by: tuple[str, ...]
    automatic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """
    Why and by whom the proposal was turned down.

    `is_carried_out` is False from the decision until its pull request is closed.
    """

    by: str
    reason: str
    at: datetime
    is_carried_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """
    An earlier attempt that this change resembles, and how that one ended.

    `matched` are the arms of recall that found it, `trust` says who vouches for the
    reason. `decided_at` is when people merged, rejected or reverted it, None before;
    `was_turned_down` says that it was not a merge. Resemblances of older versions have
    none of these.
    """

    proposal_id: str
    pull_number: int | None
    outcome: str
    reason: str
    similarity: float
    is_same_change: bool
    url: str
    has_same_paths: bool = False
    matched: tuple[str, ...] = ()
    trust: str = ""
    decided_at: datetime | None = None
    was_turned_down: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """
    The facts of one proposal.

    `head_since` is when Odyssey first knew `head_sha` to be the head: approvals
    given before it are approvals of something else. `heads` are the newest ones
    that were looked at, the present one included. `withdrawn` are comments that
    were deleted: no approval comes from them. `reverts` and `reverted_by` are
    the ids of the proposals on the other side of a revert; `update_begun` is the
    last update that was asked for, and of which head. `reviewer` is the login
    whose review was asked for. `differs` is what the requester said is different
    from an attempt that was turned down. `kept` are the ids of reviews and reports
    that are in memory.
    """

    id: ProposalId
    repository: RepositoryRef
    branch: str
    base_branch: str
    commit_message: str
    requester: str
    requested_via: str
    source_url: str
    issue_number: int | None
    patch_id: str
    paths: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    head_sha: HeadSha | None = None
    head_since: datetime | None = None
    pull_number: int | None = None
    status_comment_id: int | None = None
    status_comment_digest: str = ""
    check_run_id: int | None = None
    check_run_head_sha: HeadSha | None = None
    check_run_subject: str = ""
    check_run_digest: str = ""
    validation: Validation | None = None
    service_approval: ApiApproval | None = None
    user_approval: ApiApproval | None = None
    approved: Approved | None = None
    rejection: Rejection | None = None
    merge: MergeAttempt | None = None
    retained: str = ""
    resembles: tuple[Resemblance, ...] = ()
    command_approvals: tuple[CommandApproval, ...] = ()
    withdrawn: tuple[int, ...] = ()
    carried: tuple[CarriedApproval, ...] = ()
    heads: tuple[PastHead, ...] = ()
    conflict: FoundConflict | None = None
    reverts: str = ""
    reverted_by: str = ""
    update_begun: str = ""
    reviewer: str = ""
    differs: str = ""
    kept: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The first line of the commit message."""
        return self.commit_message.strip().splitlines()[0]

    @property
    def pull_request(self) -> PullRequestRef:
        """
        The proposal's pull request.

        Raises:
            ValueError: it has none yet.
        """
        if self.pull_number is None:
            raise ValueError(f"{self.id} has no pull request yet")
        return PullRequestRef(self.repository, self.pull_number)

    def is_ambiguous(self, sha: str, head_sha: HeadSha) -> bool:
        """Whether *sha* begins another head than *head_sha* too: seven digits are soon found."""
        return any(
            each.head_sha.startswith(sha) and each.head_sha != head_sha for each in self.heads
        )

    @property
    def current_validation(self) -> Validation | None:
        """The validation of the present head SHA; None when only older ones were judged."""
        return self.validation_of(self.head_sha, self.base_branch) if self.head_sha else None

    def validation_of(self, head_sha: HeadSha, base_branch: str) -> Validation | None:
        """The validation of *head_sha* by the workflow of *base_branch*, if it is the last one."""
        validation = self.validation
        if validation is None or validation.head_sha != head_sha:
            return None
        judged_by = validation.base_branch or self.base_branch
        return validation if judged_by == base_branch else None

    @property
    def approved_by(self) -> str | None:
        """Who opened the gate, as the REST API shows it."""
        if self.merge and self.merge.approved_by:
            return ", ".join(self.merge.approved_by)
        if self.approved and self.approved.head_sha == self.head_sha:
            return ", ".join(self.approved.by)
        approval = self._api_approval
        return approval.by if approval else None

    @property
    def _api_approval(self) -> ApiApproval | None:
        for approval in (self.user_approval, self.service_approval):
            if approval and approval.head_sha == self.head_sha:
                return approval
        return None

    @property
    def status(self) -> Status:
        """The state people see."""
        merge = self.merge
        if merge and merge.sha:
            return Status.MERGED
        if self.rejection:
            return Status.REJECTED
        if merge and merge.head_sha == self.head_sha:
            return Status.MERGE_FAILED if merge.failure else Status.MERGE_IN_PROGRESS
        if self.pull_number is None or self.head_sha is None:
            return Status.PROPOSED
        validation = self.current_validation
        if validation is None or not (validation.started or validation.conclusion):
            return Status.VALIDATION_PENDING
        if validation.conclusion is None:
            return Status.VALIDATION_IN_PROGRESS
        if not validation.is_success:
            return Status.VALIDATION_FAILED
        if self.approved and self.approved.head_sha == self.head_sha:
            return Status.AUTO_APPROVED if self.approved.automatic else Status.USER_APPROVED
        return Status.MERGE_PENDING if self._api_approval else Status.VALIDATION_PASSED

    def with_head(self, head_sha: HeadSha, *, at: datetime) -> Self:
        """The proposal with *head_sha* as its head; unchanged when it already is."""
        if head_sha == self.head_sha:
            return self
        return replace(self, head_sha=head_sha, head_since=at)
