"""What a moved, made or deleted ref causes: events, new heads, stale reviews, closed pulls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey.simulator import webhooks
from odyssey.simulator.comparing import compare
from odyssey.simulator.git import ZERO
from odyssey.simulator.permissions import level_at_least
from odyssey.simulator.protection import rules_for
from odyssey.simulator.state import App, CheckSuite, PullRequest, Repository, User

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

# No events when one push carries more: the `push` schema of the OpenAPI description says so.
_MOST_TAGS = 3
_MOST_BRANCHES = 5000


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref that moved; 40 zeros stand for "not there"."""

    ref: str
    old: str
    new: str

    @property
    def branch(self) -> str | None:
        """The branch name, None for a tag."""
        name = self.ref.removeprefix("refs/heads/")
        return name if name != self.ref else None


def apply(
    simulator: Simulator,
    repository: Repository,
    updates: Sequence[RefUpdate],
    sender: User,
    *,
    by_actions: bool = False,
) -> None:
    """Draw the consequences of *updates*, which git has done already."""
    repository.pushed_at = repository.updated_at = simulator.clock()
    tags = sum(update.branch is None for update in updates)
    is_silent = tags > _MOST_TAGS or len(updates) - tags > _MOST_BRANCHES
    for update in updates:
        if not is_silent:
            _announce(simulator, repository, update, sender, by_actions=by_actions)
        if update.branch is not None:
            _follow(simulator, repository, update, update.branch, sender, by_actions=by_actions)


def _announce(
    simulator: Simulator,
    repository: Repository,
    update: RefUpdate,
    sender: User,
    *,
    by_actions: bool,
) -> None:
    forced = ZERO not in (update.old, update.new) and not simulator.git(repository).is_ancestor(
        update.old, update.new
    )
    if update.old == ZERO:
        webhooks.ref_event(
            simulator, "create", repository, update.ref, sender, by_actions=by_actions
        )
    if update.new == ZERO:
        webhooks.ref_event(
            simulator, "delete", repository, update.ref, sender, by_actions=by_actions
        )
    webhooks.push(
        simulator,
        repository,
        update.ref,
        update.old,
        update.new,
        sender,
        forced=forced,
        by_actions=by_actions,
    )
    if update.branch is not None and update.new != ZERO:
        _request_suites(simulator, repository, update.branch, update.new, sender)


def _request_suites(
    simulator: Simulator, repository: Repository, branch: str, sha: str, sender: User
) -> None:
    for installation in simulator.state.installations_on(repository):
        app = installation.app
        if not level_at_least(installation.permissions, "checks", "write"):
            continue
        known = [s for s in repository.check_suites.values() if s.head_sha == sha and s.app is app]
        if not known:
            suite = add_suite(simulator, repository, CheckSuiteKey(installation.app, sha, branch))
            webhooks.check_suite(simulator, "requested", repository, suite, sender)


@dataclass(frozen=True, slots=True)
class CheckSuiteKey:
    """What one check suite is for."""

    app: App
    head_sha: str
    head_branch: str | None


def add_suite(simulator: Simulator, repository: Repository, key: CheckSuiteKey) -> CheckSuite:
    """A new check suite."""
    now = simulator.clock()
    suite = CheckSuite(
        simulator.ids.next("check_suite"), key.app, key.head_sha, key.head_branch, now, now
    )
    repository.check_suites[suite.id] = suite
    return suite


def _follow(
    simulator: Simulator,
    repository: Repository,
    update: RefUpdate,
    branch: str,
    sender: User,
    *,
    by_actions: bool,
) -> None:
    for pull in list(repository.pulls.values()):
        if pull.issue.state != "open":
            continue
        if update.new == ZERO and branch in (pull.head_branch, pull.base_branch):
            close(simulator, repository, pull, sender, by_actions=by_actions)
        elif branch == pull.head_branch and pull.head_sha != update.new:
            _synchronize(simulator, repository, pull, update.new, sender, by_actions=by_actions)
        elif branch == pull.base_branch:
            _base_moved(simulator, repository, pull, update.new, sender)


def close(
    simulator: Simulator,
    repository: Repository,
    pull: PullRequest,
    sender: User,
    *,
    by_actions: bool = False,
) -> None:
    """Close *pull* and tell so."""
    now = simulator.clock()
    pull.remember(simulator.serial)
    pull.issue.state = "closed"
    pull.issue.closed_at = pull.issue.updated_at = now
    pull.issue.closed_by = sender
    webhooks.pull_request(simulator, "closed", repository, pull, sender, by_actions=by_actions)


def _synchronize(
    simulator: Simulator,
    repository: Repository,
    pull: PullRequest,
    head_sha: str,
    sender: User,
    *,
    by_actions: bool,
) -> None:
    before = pull.head_sha
    pull.remember(simulator.serial)
    git = simulator.git(repository)
    base = git.find_ref(f"refs/heads/{pull.base_branch}") or pull.base_sha
    old_changes = compare(repository, pull.base_sha, before).changes
    pull.head_sha, pull.base_sha, pull.mergeability = head_sha, base, None
    pull.last_pushed_by = sender
    pull.issue.updated_at = simulator.clock()
    git.set_ref(f"refs/pull/{pull.number}/head", head_sha)
    webhooks.pull_request(
        simulator,
        "synchronize",
        repository,
        pull,
        sender,
        by_actions=by_actions,
        before=before,
        after=head_sha,
    )
    if compare(repository, base, head_sha).changes != old_changes:
        _dismiss_stale(simulator, repository, pull, sender)


def _dismiss_stale(
    simulator: Simulator, repository: Repository, pull: PullRequest, sender: User
) -> None:
    if not rules_for(repository, pull.base_branch).dismiss_stale:
        return
    for review in pull.reviews:
        if review.state == "APPROVED":
            review.state = "DISMISSED"
            review.updated_at = simulator.clock()
            webhooks.pull_request_review(simulator, "dismissed", repository, pull, review, sender)


def _base_moved(
    simulator: Simulator, repository: Repository, pull: PullRequest, base_sha: str, sender: User
) -> None:
    pull.remember(simulator.serial)
    pull.mergeability = None
    git = simulator.git(repository)
    # A push that brings the head into the base branch is a merge, made elsewhere.
    if git.is_ancestor(pull.head_sha, base_sha):
        pull.merged, pull.merged_at, pull.merged_by = True, simulator.clock(), sender
        pull.merge_commit_sha = base_sha
        close(simulator, repository, pull, sender)
