"""
What the simulated GitHub knows, beside the git repositories on disk.

Plain mutable records. Handlers change them between two awaits at most, so each
request sees and leaves a consistent state; only git objects live elsewhere.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from odyssey.simulator.teams import Team

Json = dict[str, Any]


@dataclass(slots=True)
class User:
    """An account: a person, an organization or the bot of an App."""

    id: int
    login: str
    kind: Literal["User", "Bot", "Organization"]
    created_at: datetime
    name: str | None = None

    @property
    def email(self) -> str:
        """The no-reply address that commits made on github.com carry."""
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass(slots=True)
class App:
    """A registered GitHub App with its bot account, key and webhook."""

    app_id: int
    client_id: str
    slug: str
    owner: User
    bot: User
    private_key: str
    public_key: str
    permissions: dict[str, str]
    events: list[str]
    webhook_url: str
    webhook_secret: str
    hook_id: int
    created_at: datetime


@dataclass(slots=True)
class Installation:
    """An App on an account, limited to `repository_ids` (None: all of them)."""

    installation_id: int
    app: App
    account: User
    permissions: dict[str, str]
    events: list[str]
    repository_ids: set[int] | None
    created_at: datetime
    suspended_at: datetime | None = None
    suspended_by: User | None = None

    def covers(self, repository: Repository) -> bool:
        """Whether the App may see *repository* through this installation."""
        if repository.owner.id != self.account.id:
            return False
        return self.repository_ids is None or repository.id in self.repository_ids


@dataclass(slots=True)
class Token:
    """
    A credential that was handed out and what it may do.

    `permissions` is None for a person's token (the person's role decides);
    `repository_ids` is None for every repository of the installation.
    """

    value: str
    actor: User
    installation: Installation | None = None
    permissions: dict[str, str] | None = None
    repository_ids: frozenset[int] | None = None
    expires_at: datetime | None = None
    run_id: int | None = None
    revoked: bool = False


@dataclass(slots=True)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(slots=True)
class Reaction:
    id: int
    user: User
    content: str
    created_at: datetime


@dataclass(slots=True)
class Comment:
    """A comment on an issue or on the conversation of a pull request."""

    id: int
    issue_number: int
    user: User
    body: str
    created_at: datetime
    updated_at: datetime
    app: App | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True)
class Issue:
    """An issue, or the conversation side of a pull request of the same number."""

    id: int
    number: int
    title: str
    body: str | None
    user: User
    created_at: datetime
    updated_at: datetime
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    locked: bool = False
    active_lock_reason: str | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    closed_at: datetime | None = None
    closed_by: User | None = None
    app: App | None = None
    reactions: list[Reaction] = field(default_factory=list)
    pull: PullRequest | None = None
    edited_at: datetime | None = None
    edited_by: User | None = None


@dataclass(slots=True)
class ReviewComment:
    id: int
    review_id: int | None
    user: User
    body: str
    path: str
    commit_id: str
    original_commit_id: str
    diff_hunk: str
    created_at: datetime
    updated_at: datetime
    line: int | None = None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    in_reply_to_id: int | None = None
    subject_type: Literal["line", "file"] = "line"
    resolved: bool = False


@dataclass(slots=True)
class Review:
    """A review; `commit_id` is the head at submission and never moves."""

    id: int
    user: User
    body: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]
    commit_id: str
    submitted_at: datetime | None
    updated_at: datetime
    via_app: App | None = None
    by_actions: bool = False


@dataclass(slots=True)
class Mergeability:
    """What the test merge of one head into one base gave."""

    head_sha: str
    base_sha: str
    clean: bool
    rebaseable: bool
    tree: str | None


@dataclass(frozen=True, slots=True)
class BaseChange:
    """That somebody chose another base branch."""

    id: int
    before: str
    after: str
    by: User
    at: datetime


@dataclass(slots=True)
class PullRequest:
    """The code side of a pull request; title, body, state and labels are on `issue`."""

    id: int
    issue: Issue
    head_branch: str
    head_sha: str
    base_branch: str
    base_sha: str
    draft: bool = False
    merged: bool = False
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_commit_sha: str | None = None
    maintainer_can_modify: bool = False
    last_pushed_by: User | None = None
    mergeability: Mergeability | None = None
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)
    requested_reviewers: list[User] = field(default_factory=list)
    base_changes: list[BaseChange] = field(default_factory=list)
    previous: PullRequest | None = None
    changed_in: int = -1

    @property
    def number(self) -> int:
        return self.issue.number

    def remember(self, serial: int) -> None:
        """Keep what a reader saw before request *serial* changes anything (for stale reads)."""
        if self.changed_in == serial:
            return
        before = copy.copy(self)
        before.issue = copy.copy(self.issue)
        before.reviews = [copy.copy(review) for review in self.reviews]
        before.base_changes = list(self.base_changes)
        before.previous = None
        self.previous, self.changed_in = before, serial


@dataclass(slots=True)
class Annotation:
    path: str
    start_line: int
    end_line: int
    annotation_level: str
    message: str
    title: str | None = None
    raw_details: str | None = None
    start_column: int | None = None
    end_column: int | None = None


@dataclass(slots=True)
class CheckSuite:
    id: int
    app: App
    head_sha: str
    head_branch: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class CheckRun:
    id: int
    name: str
    head_sha: str
    suite: CheckSuite
    status: str
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None
    details_url: str | None = None
    external_id: str = ""
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Annotation] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)

    @property
    def app(self) -> App:
        return self.suite.app


@dataclass(slots=True)
class CommitStatus:
    id: int
    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: User
    app: App | None
    created_at: datetime


@dataclass(slots=True)
class Ruleset:
    """A repository ruleset; `rules` and `conditions` are kept as the API speaks them."""

    id: int
    name: str
    target: str
    enforcement: str
    rules: list[Json]
    conditions: Json
    bypass_actors: list[Json]
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Repository:
    """A repository: a bare git directory and everything GitHub keeps beside it."""

    id: int
    owner: User
    name: str
    git_dir: Path
    default_branch: str
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime
    private: bool = True
    archived: bool = False
    description: str | None = None
    allow_merge_commit: bool = True
    allow_squash_merge: bool = True
    allow_rebase_merge: bool = True
    delete_branch_on_merge: bool = False
    collaborators: dict[int, str] = field(default_factory=dict)
    last_number: int = 0
    labels: dict[str, Label] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    check_suites: dict[int, CheckSuite] = field(default_factory=dict)
    check_runs: dict[int, CheckRun] = field(default_factory=dict)
    statuses: list[CommitStatus] = field(default_factory=list)
    protections: dict[str, Json] = field(default_factory=dict)
    rulesets: dict[int, Ruleset] = field(default_factory=dict)
    verified_commits: set[str] = field(default_factory=set)

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    def next_number(self) -> int:
        """The next number; issues and pull requests share one sequence."""
        self.last_number += 1
        return self.last_number


@dataclass(slots=True)
class State:
    """Everything, with look-ups by the keys that requests carry."""

    users: dict[str, User] = field(default_factory=dict)
    repositories: dict[int, Repository] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)

    def find_user(self, login: str) -> User | None:
        """The account called *login*; GitHub ignores case here."""
        return self.users.get(login.lower())

    def find_repository(self, owner: str, name: str) -> Repository | None:
        """The repository, without regard to case."""
        wanted = f"{owner}/{name}".lower()
        found = (r for r in self.repositories.values() if r.full_name.lower() == wanted)
        return next(found, None)

    def repository(self, owner: str, name: str) -> Repository:
        """The repository that must exist; LookupError names the missing one."""
        found = self.find_repository(owner, name)
        if found is None:
            raise LookupError(f"repository {owner}/{name} was never added to the simulator")
        return found

    def installations_on(self, repository: Repository) -> list[Installation]:
        """The installations that cover *repository*."""
        return [i for i in self.installations.values() if i.covers(repository)]
