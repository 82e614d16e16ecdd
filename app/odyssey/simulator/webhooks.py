"""Which Apps are told of a change, and what: payloads come from the state and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey.simulator.git import ZERO
from odyssey.simulator.ids import node_id
from odyssey.simulator.permissions import level_at_least
from odyssey.simulator.state import (
    App,
    CheckRun,
    CheckSuite,
    Comment,
    Installation,
    Issue,
    Json,
    PullRequest,
    Repository,
    Review,
    User,
)
from odyssey.simulator.views_accounts import installation as installation_view
from odyssey.simulator.views_accounts import simple_user
from odyssey.simulator.views_checks import check_run_event, check_suite_view
from odyssey.simulator.views_git import push_commit
from odyssey.simulator.views_issues import comment_view, issue_view
from odyssey.simulator.views_pulls import pull_simple, pull_view, review_view
from odyssey.simulator.views_repositories import repository_page, webhook_repository

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

# An App hears these without subscribing: its own installation, and checks when it may write them.
_OWN_EVENTS = ("installation", "installation_repositories", "github_app_authorization")
_CHECK_EVENTS = ("check_run", "check_suite")
# GitHub lists at most this many commits in one push payload.
_COMMITS_IN_PUSH = 2048


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something happened; `payload` lacks what every payload has.

    `only` limits it to one App; `by_actions` is a change made with GITHUB_TOKEN,
    which starts no workflow.
    """

    name: str
    action: str | None
    repository: Repository | None
    payload: Json
    sender: User | None = None
    only: App | None = None
    by_actions: bool = False


def emit(simulator: Simulator, event: Event) -> None:
    """Schedule *event* for each App that receives it, and tell the listeners inside."""
    for listener in simulator.listeners:
        listener(event)
    if event.repository is None:
        return
    for installation in simulator.state.installations_on(event.repository):
        if _receives(installation, event):
            _schedule(simulator, installation, event)


def _receives(installation: Installation, event: Event) -> bool:
    if installation.suspended_at is not None:
        return False
    if event.only is not None and installation.app is not event.only:
        return False
    if event.name in _OWN_EVENTS:
        return True
    if event.name in _CHECK_EVENTS and level_at_least(installation.permissions, "checks", "write"):
        return True
    return event.name in installation.events


def _schedule(simulator: Simulator, installation: Installation, event: Event) -> None:
    payload: Json = {} if event.action is None else {"action": event.action}
    payload |= event.payload
    sender = event.sender
    if event.repository is not None:
        shown = webhook_repository(simulator, event.repository)
        payload["repository"] = {**shown, **payload.get("repository", {})}
        sender = sender or event.repository.owner
    payload["sender"] = simple_user(simulator, sender or simulator.ghost)
    payload.setdefault(
        "installation",
        {
            "id": installation.installation_id,
            "node_id": node_id("Integration", installation.installation_id),
        },
    )
    for observer in simulator.observers:
        observer.webhook(event.name, payload)
    simulator.outbox.add(
        installation.app,
        event.name,
        payload,
        installation=installation,
        repository_id=event.repository.id if event.repository else None,
    )


def installation_created(simulator: Simulator, made: Installation) -> None:
    """Tell an App that it was installed."""
    repositories = [
        {
            "id": repository.id,
            "node_id": node_id("Repository", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
        }
        for repository in simulator.state.repositories.values()
        if made.covers(repository)
    ]
    payload: Json = {
        "installation": installation_view(simulator, made),
        "repositories": repositories,
        "requester": None,
    }
    event = Event("installation", "created", None, payload, sender=made.account)
    _schedule(simulator, made, event)


def pull_request(
    simulator: Simulator,
    action: str,
    repository: Repository,
    pull: PullRequest,
    sender: User,
    *,
    by_actions: bool = False,
    **more: object,
) -> None:
    """A `pull_request` event; *more* are the fields that only some actions have."""
    payload: Json = {
        "number": pull.number,
        "pull_request": _event_pull(pull_view(simulator, repository, pull)),
        **more,
    }
    simulator.emit(
        "pull_request", action, repository, payload, sender=sender, by_actions=by_actions
    )


def pull_request_review(
    simulator: Simulator,
    action: str,
    repository: Repository,
    pull: PullRequest,
    review: Review,
    sender: User,
) -> None:
    """A `pull_request_review` event; here GitHub writes the state in small letters."""
    shown = review_view(simulator, repository, pull, review)
    shown["state"] = review.state.lower()
    shown["body"] = review.body or None
    shown.setdefault("submitted_at", None)
    shown["updated_at"] = shown["submitted_at"]
    simulator.emit(
        "pull_request_review",
        action,
        repository,
        {"review": shown, "pull_request": small_pull(simulator, repository, pull)},
        sender=sender,
        by_actions=review.by_actions,
    )


def small_pull(simulator: Simulator, repository: Repository, pull: PullRequest) -> Json:
    """The pull request of events about its reviews."""
    return _event_pull(pull_simple(simulator, repository, pull))


def _event_pull(shown: Json) -> Json:
    # Of the repositories in it, too, the webhook schemas ask for what the REST API dropped.
    for side in (shown["head"], shown["base"]):
        side["repo"]["has_downloads"] = True
    return _with_assignee(shown)


def _with_assignee(shown: Json) -> Json:
    # Version 2026-03-10 took it from the REST API; most webhook schemas still ask for it.
    return {**shown, "assignee": shown["assignees"][0] if shown["assignees"] else None}


def _event_issue(simulator: Simulator, repository: Repository, changed: Issue) -> Json:
    return _with_assignee(issue_view(simulator, repository, changed))


def issue(
    simulator: Simulator,
    action: str,
    repository: Repository,
    changed: Issue,
    sender: User,
    *,
    by_actions: bool = False,
    **more: object,
) -> None:
    """An `issues` event, or the `pull_request` event of the same action for a pull request."""
    if changed.pull is not None:
        pull_request(
            simulator, action, repository, changed.pull, sender, by_actions=by_actions, **more
        )
        return
    payload: Json = {"issue": _event_issue(simulator, repository, changed), **more}
    simulator.emit("issues", action, repository, payload, sender=sender, by_actions=by_actions)


def issue_comment(
    simulator: Simulator,
    action: str,
    repository: Repository,
    comment: Comment,
    sender: User,
    *,
    by_actions: bool = False,
    **more: object,
) -> None:
    """An `issue_comment` event."""
    parent = repository.issues[comment.issue_number]
    payload: Json = {
        "issue": _event_issue(simulator, repository, parent),
        "comment": comment_view(simulator, repository, comment),
        **more,
    }
    simulator.emit(
        "issue_comment", action, repository, payload, sender=sender, by_actions=by_actions
    )


def check_run(
    simulator: Simulator,
    action: str,
    repository: Repository,
    run: CheckRun,
    sender: User,
    *,
    by_actions: bool = False,
    **more: object,
) -> None:
    """
    A `check_run` event to every App that may read checks; a re-run that people ask for, to its own.
    """
    payload: Json = {"check_run": check_run_event(simulator, repository, run), **more}
    simulator.emit(
        "check_run",
        action,
        repository,
        payload,
        sender=sender,
        only=run.app if action in ("rerequested", "requested_action") else None,
        by_actions=by_actions,
    )


def check_suite(
    simulator: Simulator, action: str, repository: Repository, suite: CheckSuite, sender: User
) -> None:
    """
    A `check_suite` event: to every App that may read checks; what is asked of one, to its own.
    """
    payload: Json = {"check_suite": check_suite_event(simulator, repository, suite)}
    only = None if action == "completed" else suite.app
    simulator.emit("check_suite", action, repository, payload, sender=sender, only=only)


def check_suite_event(simulator: Simulator, repository: Repository, suite: CheckSuite) -> Json:
    """A check suite as webhooks show it: without the repository, which stands beside it."""
    shown = check_suite_view(simulator, repository, suite)
    del shown["repository"]
    return shown


def push(
    simulator: Simulator,
    repository: Repository,
    ref: str,
    before: str,
    after: str,
    sender: User,
    *,
    forced: bool,
    by_actions: bool = False,
) -> None:
    """A `push` event for one ref; *before* or *after* is all zeros when it is made or deleted."""
    git = simulator.git(repository)
    commits: list[Json] = []
    head: Json | None = None
    if after != ZERO and git.type_of(after) == "commit":
        head = push_commit(simulator, repository, git.commit(after))
        start = (
            before if before != ZERO else git.find_ref(f"refs/heads/{repository.default_branch}")
        )
        if start and start != after and git.exists(start):
            listed = git.log(f"{start}..{after}")[-_COMMITS_IN_PUSH:]
            commits = [push_commit(simulator, repository, commit) for commit in listed]
    page = repository_page(simulator, repository)
    payload: Json = {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == ZERO,
        "deleted": after == ZERO,
        "forced": forced,
        "base_ref": None,
        "compare": f"{page}/compare/{before[:12]}...{after[:12]}",
        "commits": commits,
        "head_commit": head,
        "pusher": {"name": sender.login, "email": sender.email},
        # In this event the times of the repository are numbers, and two old names remain.
        "repository": {
            "created_at": int(repository.created_at.timestamp()),
            "pushed_at": int(repository.pushed_at.timestamp()),
            "stargazers": 0,
            "master_branch": repository.default_branch,
        },
    }
    simulator.emit("push", None, repository, payload, sender=sender, by_actions=by_actions)


def ref_event(
    simulator: Simulator,
    name: str,
    repository: Repository,
    ref: str,
    sender: User,
    *,
    by_actions: bool = False,
) -> None:
    """A `create` or `delete` event of a branch or tag."""
    kind = "tag" if ref.startswith("refs/tags/") else "branch"
    payload: Json = {
        "ref": ref.removeprefix("refs/heads/").removeprefix("refs/tags/"),
        "ref_type": kind,
        "pusher_type": "user",
    }
    if name == "create":
        payload |= {
            "master_branch": repository.default_branch,
            "description": repository.description,
        }
    simulator.emit(name, None, repository, payload, sender=sender, by_actions=by_actions)
