"""
Values that the domain tests start from; each test changes only what it is about.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from odyssey.domain.identifiers import (
    HeadSha,
    InstallationId,
    ProposalId,
    PullRequestRef,
    RepositoryRef,
    RunId,
)
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import (
    ChangedFile,
    PullRequest,
    PullRequestCommit,
    Review,
    ReviewState,
)
from odyssey.domain.validation import Validation

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HEAD = HeadSha("1f3c9d2" + "0" * 33)
OLD_HEAD = HeadSha("8a07e55" + "0" * 33)
BASE_TIP = "b" * 40
REPOSITORY = RepositoryRef(InstallationId(1), "octo", "hello")


def minutes(count: float) -> datetime:
    """That many minutes after noon, the moment the head was committed."""
    return NOON + timedelta(minutes=count)


def a_validation(**changes: Any) -> Validation:
    """A validation that passed the head."""
    passed = Validation(
        head_sha=HEAD,
        nonce="5f2b",
        workflow="odyssey-validate.yml",
        requested_at=NOON,
        run_id=RunId(41),
        run_url="https://github.com/octo/hello/actions/runs/41",
        started=True,
        conclusion="success",
        passed=12,
        completed_at=minutes(2),
    )
    return replace(passed, **changes)


def a_proposal(**changes: Any) -> Proposal:
    """A proposal by alice, validated and waiting for an approval."""
    proposal = Proposal(
        id=ProposalId("prop_abcdefghij"),
        repository=REPOSITORY,
        branch="proposal/prop_abcdefghij_fix_the_greeting",
        base_branch="main",
        commit_message="feat: Fix the greeting\n\nIt was misspelt.",
        requester="alice",
        requested_via="comment",
        source_url="https://github.com/octo/hello/issues/7#issuecomment-1",
        issue_number=7,
        patch_id="ab12",
        paths=("src/app.py",),
        created_at=NOON,
        updated_at=NOON,
        head_sha=HEAD,
        head_since=NOON,
        pull_number=8,
        validation=a_validation(),
    )
    return replace(proposal, **changes)


def a_review(**changes: Any) -> Review:
    """Bob's approval of the head, one minute after it was committed."""
    approval = Review(
        id=1,
        author="bob",
        author_is_person=True,
        author_can_push=True,
        state=ReviewState.APPROVED,
        head_sha=HEAD,
        submitted_at=minutes(1),
    )
    return replace(approval, **changes)


def a_pull_request(**changes: Any) -> PullRequest:
    """The proposal's pull request, open and approved by bob."""
    pull = PullRequest(
        ref=PullRequestRef(REPOSITORY, 8),
        is_open=True,
        is_merged=False,
        is_draft=False,
        is_cross_repository=False,
        mergeable=True,
        title="feat: Fix the greeting",
        body="",
        url="https://github.com/octo/hello/pull/8",
        author="odyssey[bot]",
        head_branch="proposal/prop_abcdefghij_fix_the_greeting",
        head_sha=HEAD,
        head_tree="t" * 40,
        head_committed_at=NOON,
        base_branch="main",
        base_sha=BASE_TIP,
        merge_sha=None,
        merged_by=None,
        files=(ChangedFile(path="src/app.py", additions=1, deletions=1),),
        files_complete=True,
        reviews=(a_review(),),
        reviews_complete=True,
        unresolved_threads=0,
        policy_text=None,
        commits=(PullRequestCommit(sha=HEAD, parents=(BASE_TIP,)),),
    )
    return replace(pull, **changes)
