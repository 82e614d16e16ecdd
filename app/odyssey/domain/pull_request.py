"""
A pull request as GitHub has it at one moment: what the merge gate judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from odyssey.domain.identifiers import HeadSha, PullRequestRef


class Permission(StrEnum):
    """What a person may do in a repository, as the collaborator API answers it."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def can_write(self) -> bool:
        """Whether GitHub would let this person push."""
        return self in (Permission.WRITE, Permission.ADMIN)


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
class PullRequest:
    """
    One consistent read of a pull request with its reviews.

    `mergeable` is None while GitHub is still computing it. `files_complete` is
    False when there are more files than one read gives, `reviews_complete` when
    there are more reviews or review threads. `policy_text` is the policy file on
    the branch this pull request merges into, None without one. `head_author` and
    `head_committer` are the logins GitHub knows for the head's author and
    committer by their e-mail addresses; None where it knows nobody.
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
