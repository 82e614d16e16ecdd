"""
What happened on GitHub, as typed facts read from deliveries.

Only the few fields Odyssey uses are read, and unknown ones are ignored: strict
models of whole payloads refuse real ones. A delivery is a hint; what counts is
read again from GitHub by the handlers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from odyssey.domain.errors import MalformedPayload
from odyssey.domain.identifiers import (
    HeadSha,
    InstallationId,
    PullRequestRef,
    RepositoryRef,
    RunId,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueCommented:
    """A person wrote a new comment on an issue or a pull request."""

    repository: RepositoryRef
    default_branch: str
    number: int
    is_pull_request: bool
    is_open: bool
    is_locked: bool
    comment_id: int
    author: str
    author_is_person: bool
    body: str
    url: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueCommentDeleted:
    """Somebody deleted a person's comment on an issue or a pull request."""

    repository: RepositoryRef
    number: int
    is_pull_request: bool
    comment_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestChanged:
    """
    A pull request was opened, pushed to, edited, closed, or reviewed.

    `head_sha` is the head at the time of the delivery; it may be older than the
    head that a read gives.
    """

    ref: PullRequestRef
    action: str
    head_sha: HeadSha
    head_branch: str
    sender: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRunProgressed:
    """A workflow run was requested, has started or is completed; `actor` began it."""

    repository: RepositoryRef
    actor: str
    run_id: RunId
    run_attempt: int
    event: str
    path: str
    head_branch: str
    title: str
    status: str
    conclusion: str | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRunRerequested:
    """A person pressed "re-run" on one of Odyssey's check runs."""

    repository: RepositoryRef
    head_sha: HeadSha
    external_id: str
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinished:
    """
    A check run was completed, or a commit status set, by whoever does.

    `reporter` is the login of the App behind a check run, None for a status.
    """

    repository: RepositoryRef
    head_sha: HeadSha
    name: str
    reporter: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileAsked:
    """Odyssey itself asked for a fresh look at a pull request; never read from a delivery."""

    ref: PullRequestRef


Event = (
    IssueCommented
    | IssueCommentDeleted
    | PullRequestChanged
    | WorkflowRunProgressed
    | CheckRunRerequested
    | CheckFinished
    | ReconcileAsked
)

_PULL_REQUEST_ACTIONS = {
    "pull_request": frozenset(
        "opened reopened synchronize closed edited ready_for_review converted_to_draft".split()
    ),
    "pull_request_review": frozenset("submitted dismissed edited".split()),
    "pull_request_review_thread": frozenset("resolved unresolved".split()),
}


_WHO: dict[str, Any] = {"login": None, "type": None}
_USED: dict[str, Any] = {
    "action": None,
    "installation": {"id": None},
    "repository": {"owner": _WHO, "name": None, "default_branch": None},
    "sender": _WHO,
    "issue": dict.fromkeys(("number", "state", "locked")) | {"pull_request": {"url": None}},
    "comment": dict.fromkeys(("id", "body", "html_url", "created_at")) | {"user": _WHO},
    "pull_request": dict.fromkeys(("number", "updated_at"))
    | {"head": dict.fromkeys(("sha", "ref"))},
    "review": {"submitted_at": None},
    "workflow_run": dict.fromkeys(
        "id run_attempt event path head_branch display_title status conclusion html_url".split()
    )
    | {"actor": _WHO},
    "check_run": dict.fromkeys(("head_sha", "external_id", "name")) | {"app": {"slug": None}},
    **dict.fromkeys(("sha", "context", "state")),
}


def used_part(payload: Mapping[str, Any]) -> dict[str, Any]:
    """
    What `parse_event` reads of *payload*, and nothing else: a twentieth of it.

    It is what the inbox keeps: less to write before GitHub is answered, and no
    more of other people's data than is worked with.
    """
    return _picked(payload, _USED)


def _picked(node: Mapping[str, Any], tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _picked(node[key], branch)
        if branch is not None and isinstance(node[key], Mapping)
        else node[key]
        for key, branch in tree.items()
        if key in node
    }


def is_used(name: str, action: str | None) -> bool:
    """Whether Odyssey has any use for deliveries of this event and action."""
    match name:
        case "issue_comment":
            return action in ("created", "deleted")
        case "check_run":
            return action in ("rerequested", "completed")
        case "workflow_run" | "status":
            return True
    return action in _PULL_REQUEST_ACTIONS.get(name, ())


def parse_event(name: str, payload: Mapping[str, Any]) -> Event | None:
    """
    The event a delivery reports; None when Odyssey has no use for it.

    *name* is the `X-GitHub-Event` header.

    Raises:
        MalformedPayload: an event Odyssey uses lacks a field GitHub always sends.
    """
    action = None
    try:
        action = payload.get("action")
        match name:
            case "issue_comment" if action == "created":
                return _issue_commented(payload)
            case "issue_comment" if action == "deleted":
                return _issue_comment_deleted(payload)
            case "workflow_run":
                return _workflow_run_progressed(payload)
            case "check_run" if action == "rerequested":
                return _check_run_rerequested(payload)
            case "check_run" if action == "completed":
                return _check_run_completed(payload)
            case "status" if payload.get("state") != "pending":
                return _status_set(payload)
            case _ if action in _PULL_REQUEST_ACTIONS.get(name, ()):
                return _pull_request_changed(payload, str(action), name)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MalformedPayload(
            f"{name}.{action}: a field is missing or of another type ({error!r})"
        ) from error
    return None


def _repository(payload: Mapping[str, Any]) -> RepositoryRef:
    repository = payload["repository"]
    return RepositoryRef(
        InstallationId(int(payload["installation"]["id"])),
        str(repository["owner"]["login"]),
        str(repository["name"]),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _issue_commented(payload: Mapping[str, Any]) -> IssueCommented:
    issue, comment = payload["issue"], payload["comment"]
    return IssueCommented(
        repository=_repository(payload),
        default_branch=str(payload["repository"]["default_branch"]),
        number=int(issue["number"]),
        is_pull_request=issue.get("pull_request") is not None,
        is_open=issue["state"] == "open",
        is_locked=bool(issue.get("locked")),
        comment_id=int(comment["id"]),
        author=str(comment["user"]["login"]),
        author_is_person=comment["user"]["type"] == "User",
        body=str(comment["body"] or ""),
        url=str(comment["html_url"]),
        created_at=_time(comment["created_at"]),
    )


def _issue_comment_deleted(payload: Mapping[str, Any]) -> IssueCommentDeleted | None:
    issue, comment = payload["issue"], payload["comment"]
    # A deleted account leaves its comments without a user.
    author = comment.get("user") or {}
    if author.get("type") == "Bot":
        return None
    return IssueCommentDeleted(
        repository=_repository(payload),
        number=int(issue["number"]),
        is_pull_request=issue.get("pull_request") is not None,
        comment_id=int(comment["id"]),
    )


def _pull_request_changed(payload: Mapping[str, Any], action: str, name: str) -> PullRequestChanged:
    pull = payload["pull_request"]
    at = payload["review"]["submitted_at"] if name == "pull_request_review" else None
    return PullRequestChanged(
        ref=PullRequestRef(_repository(payload), int(pull["number"])),
        action=action if name == "pull_request" else f"{name}.{action}",
        head_sha=HeadSha(str(pull["head"]["sha"])),
        head_branch=str(pull["head"]["ref"]),
        sender=str(payload["sender"]["login"]),
        at=_time(at or pull["updated_at"]),
    )


def _workflow_run_progressed(payload: Mapping[str, Any]) -> WorkflowRunProgressed:
    run = payload["workflow_run"]
    return WorkflowRunProgressed(
        repository=_repository(payload),
        actor=str((run.get("actor") or {}).get("login") or ""),
        run_id=RunId(int(run["id"])),
        run_attempt=int(run.get("run_attempt") or 1),
        event=str(run["event"]),
        # A run's path may carry the ref it was read from: `.github/workflows/x.yml@main`.
        path=str(run["path"]).partition("@")[0],
        head_branch=str(run["head_branch"] or ""),
        title=str(run.get("display_title") or ""),
        status=str(run["status"]),
        conclusion=None if run.get("conclusion") is None else str(run["conclusion"]),
        url=str(run["html_url"]),
    )


def _check_run_rerequested(payload: Mapping[str, Any]) -> CheckRunRerequested:
    check_run = payload["check_run"]
    return CheckRunRerequested(
        repository=_repository(payload),
        head_sha=HeadSha(str(check_run["head_sha"])),
        external_id=str(check_run.get("external_id") or ""),
        sender=str(payload["sender"]["login"]),
    )


def _check_run_completed(payload: Mapping[str, Any]) -> CheckFinished:
    check_run = payload["check_run"]
    return CheckFinished(
        repository=_repository(payload),
        head_sha=HeadSha(str(check_run["head_sha"])),
        name=str(check_run["name"]),
        reporter=f"{check_run['app']['slug']}[bot]",
    )


def _status_set(payload: Mapping[str, Any]) -> CheckFinished:
    return CheckFinished(
        repository=_repository(payload),
        head_sha=HeadSha(str(payload["sha"])),
        name=str(payload["context"]),
        reporter=None,
    )
