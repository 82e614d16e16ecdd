"""
A pull request as GitHub has it at one moment: what the merge gate judges.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from odyssey.domain.identifiers import HeadSha, PullRequestRef


class Permission(StrEnum):
    """What a person may do in a repository: GitHub's roles, each including those before it."""

    NONE = "none"
    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    @property
    def can_write(self) -> bool:
        """Whether GitHub would let this person push."""
        return self.includes(Permission.WRITE)

    def includes(self, other: Permission) -> bool:
        """Whether who has this may do all that *other* allows."""
        ranks = list(Permission)
        return ranks.index(self) >= ranks.index(other)


class ReviewState(StrEnum):
    """GitHub's states of a review."""

    APPROVED = "APPROVED"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    COMMENTED = "COMMENTED"
    DISMISSED = "DISMISSED"
    PENDING = "PENDING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """
    One submitted review.

    `head_sha` is the commit it was given for; it stays when the head moves on.
    `author_can_push` is asked of GitHub at the same moment as the review.
    """

    id: int
    author: str
    author_is_person: bool
    author_can_push: bool
    state: ReviewState
    head_sha: HeadSha | None
    submitted_at: datetime
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """
    What somebody wrote in the conversation of a pull request or, with a `path`, beside its diff.
    """

    id: int
    author: str
    author_is_person: bool
    body: str
    url: str
    said_at: datetime
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """
    One file of the pull request's diff against its merge base.

    Of a renamed or copied file only the new path is known: GraphQL leaves the old one out.
    """

    path: str
    additions: int
    deletions: int
    is_renamed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestCommit:
    """
    One commit of the pull request: what its head has and its base branch has not.

    `author` and `committer` are the logins GitHub knows by their e-mail addresses.
    """

    sha: str
    parents: tuple[str, ...]
    author: str | None = None
    committer: str | None = None


class CheckState(StrEnum):
    """How a check stands that GitHub requires."""

    PASSED = "passed"
    FAILED = "failed"
    RUNNING = "running"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredCheck:
    """
    A check run or commit status without which GitHub does not merge, at the head SHA.

    `is_ours` marks Odyssey's own check run.
    """

    name: str
    state: CheckState
    is_ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """
    One consistent read of a pull request with its reviews.

    `mergeable` is None while GitHub is still computing it. `files_complete` is
    False when there are more files than one read gives, `reviews_complete` when
    there are more reviews or review threads. `policy_text` is the policy file on
    the branch this pull request merges into, None without one. `head_author` and
    `head_committer` are the logins GitHub knows for the head's author and
    committer by their e-mail addresses; None where it knows nobody.

    `commits` are the newest 100, oldest first; `commits_complete` is False when
    there are more. `base_changed_at` is when somebody last chose another base
    branch. `merge_parents` and `merge_tree` are those of the merge commit, once
    there is one. `alarm_issue` is the number of the issue that keeps this
    repository's merge gate closed. `codeowners_text` is the CODEOWNERS file that
    counts on the base branch, with a NUL in it where it could not be read whole;
    `organisation_policy_text` the policy file of the owner's `.github` repository.
    `line_comments` are the first ten of each of the newest 100 review threads, `comments` the
    newest 50 of the conversation.
    """

    ref: PullRequestRef
    is_open: bool
    is_merged: bool
    is_draft: bool
    is_cross_repository: bool
    mergeable: bool | None
    title: str
    body: str
    url: str
    author: str
    head_branch: str
    head_sha: HeadSha
    head_tree: str
    head_committed_at: datetime
    base_branch: str
    base_sha: str
    merge_sha: str | None
    merged_by: str | None
    files: tuple[ChangedFile, ...]
    files_complete: bool
    reviews: tuple[Review, ...]
    reviews_complete: bool
    unresolved_threads: int
    policy_text: str | None
    head_author: str | None = None
    head_committer: str | None = None
    commits: tuple[PullRequestCommit, ...] = ()
    commits_complete: bool = True
    required_checks: tuple[RequiredCheck, ...] = ()
    base_tree: str = ""
    base_changed_at: datetime | None = None
    merge_parents: tuple[str, ...] = ()
    merge_tree: str = ""
    alarm_issue: int | None = None
    codeowners_text: str | None = None
    organisation_policy_text: str | None = None
    line_comments: tuple[Comment, ...] = ()
    comments: tuple[Comment, ...] = ()

    @property
    def contains_base(self) -> bool:
        """
        Whether the head contains the tip of the base branch.

        It does when that tip is a parent of one of its commits: on the way down
        from the head, the last one before the tip is not on the base branch. A
        branch without commits of its own contains only what it stands on.
        """
        return self.head_sha == self.base_sha or any(
            self.base_sha in each.parents for each in self.commits
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths the diff touches."""
        return tuple(each.path for each in self.files)

    def is_pushed_by(self, login: str) -> bool:
        """
        Whether the head commit names *login* as its author or committer.

        A guard against habit only: whoever makes a commit chooses both names. A
        ruleset with "require approval of the most recent reviewable push" is the
        hard rule, because GitHub knows who pushed.
        """
        people = (self.head_author, self.head_committer)
        return login.lower() in {each.lower() for each in people if each}

    def is_written_by(self, login: str, *, but: Collection[str] = ()) -> bool:
        """Whether any commit of it, *but* these SHAs, names *login* as author or committer."""
        written = [each for each in self.commits if each.sha not in but]
        people = {name for each in written for name in (each.author, each.committer)}
        return login.lower() in {each.lower() for each in people if each}


def decisive_reviews(reviews: Sequence[Review]) -> dict[str, Review]:
    """
    The latest decisive review of each reviewer, by login.

    A comment after an approval does not take it back; a dismissal does, and so
    does a later request for changes. This is how GitHub counts them.
    """
    latest: dict[str, Review] = {}
    for review in sorted(reviews, key=lambda each: (each.submitted_at, each.id)):
        if review.state in (ReviewState.COMMENTED, ReviewState.PENDING):
            continue
        latest[review.author] = review
    return latest
