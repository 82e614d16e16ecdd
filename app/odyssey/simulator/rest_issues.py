"""Issues: listed, opened, changed, locked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator import pulling, webhooks
from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError, invalid, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.labelling import labels_named
from odyssey.simulator.pagination import paged
from odyssey.simulator.state import Issue, Json, User
from odyssey.simulator.views_issues import issue_view

router = APIRouter()
_PULLS_READ, _PULLS_WRITE = [("pull_requests", "read")], [("pull_requests", "write")]
Reads = Annotated[Scope, Depends(access("issues", "read", alternatives=_PULLS_READ))]
Opens = Annotated[Scope, Depends(access("issues", "write"))]
Writes = Annotated[Scope, Depends(access("issues", "write", alternatives=_PULLS_WRITE))]
Sent = Annotated[Fields, Depends(fields_of)]
_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
_LOCK_REASONS = ("off-topic", "too heated", "resolved", "spam")
_STATE_REASONS = ("completed", "not_planned", "duplicate", "reopened")


def issue_of(scope: Scope) -> Issue:
    """The issue in the path; 404 when there is none."""
    found = scope.repository.issues.get(scope.number("issue_number"))
    if found is None:
        raise not_found()
    return found


@router.get("/repos/{owner}/{repo}/issues")
async def list_issues(scope: Reads) -> Response:
    """List repository issues, pull requests among them, newest first."""
    query = scope.request.query_params
    state, creator = query.get("state", "open"), query.get("creator")
    labels = [name for name in query.get("labels", "").split(",") if name]
    since = query.get("since")
    after = datetime.fromisoformat(since.replace("Z", "+00:00")) if since else None
    found = [
        issue
        for issue in scope.repository.issues.values()
        if state in ("all", issue.state)
        and (creator is None or creator == issue.user.login)
        and all(name in {label.name for label in issue.labels} for name in labels)
        and (after is None or issue.updated_at >= after)
    ]
    found.sort(key=lambda issue: issue.number, reverse=query.get("direction") != "asc")
    return paged(scope.request, found, lambda issue: _shown(scope, issue))


@router.post("/repos/{owner}/{repo}/issues")
async def create_issue(scope: Opens, sent: Sent) -> Response:
    """Create an issue."""
    title, body = sent.text("title"), sent.body()
    if not title.strip():
        raise invalid("Issue", "missing_field", "title")
    now = scope.simulator.clock()
    issue = Issue(
        id=scope.simulator.ids.next("issue"),
        number=scope.repository.next_number(),
        title=title,
        body=body,
        user=scope.caller.actor,
        created_at=now,
        updated_at=now,
        app=scope.caller.acting_app,
        labels=labels_named(scope, sent.find_list("labels") or []),
        assignees=_users(scope, sent.find_list("assignees") or []),
    )
    scope.repository.issues[issue.number] = issue
    _tell(scope, issue, "opened")
    shown = _shown(scope, issue)
    return JSONResponse(shown, status_code=201, headers={"location": shown["url"]})


@router.get(_ISSUE)
async def get_issue(scope: Reads) -> Response:
    """Get an issue."""
    return JSONResponse(_shown(scope, issue_of(scope)))


@router.patch(_ISSUE)
async def update_issue(scope: Writes, sent: Sent) -> Response:
    """Update an issue: title, body, state, labels, assignees."""
    issue = issue_of(scope)
    if issue.user is not scope.caller.user:
        scope.need_role("triage", "Must have triage rights to update this issue")
    state = sent.find_text("state")
    if state not in (None, "open", "closed"):
        raise ApiError(422, f'Invalid request.\n\n{state} is not a member of ["open", "closed"].')
    if issue.pull is not None:
        pulling.edit(
            scope.simulator,
            scope.repository,
            scope.caller,
            issue.pull,
            title=sent.find_text("title"),
            body=sent.body(),
            state=state,
        )
    else:
        _edit(scope, issue, sent)
        _change_state(scope, issue, sent, state)
    if "labels" in sent:
        issue.labels = labels_named(scope, sent.find_list("labels") or [])
    if "assignees" in sent:
        issue.assignees = _users(scope, sent.find_list("assignees") or [])
    return JSONResponse(_shown(scope, issue))


@router.put(_ISSUE + "/lock")
async def lock_issue(scope: Writes, sent: Sent) -> Response:
    """Lock an issue; people need write access for it."""
    issue = issue_of(scope)
    scope.need_role("write", "Must have write access to lock a conversation")
    reason = sent.find_text("lock_reason")
    if reason is not None and reason not in _LOCK_REASONS:
        raise invalid("Issue", "invalid", "lock_reason")
    issue.locked, issue.active_lock_reason = True, reason
    _tell(scope, issue, "locked")
    return Response(status_code=204)


@router.delete(_ISSUE + "/lock")
async def unlock_issue(scope: Writes) -> Response:
    """Unlock an issue."""
    issue = issue_of(scope)
    scope.need_role("write", "Must have write access to unlock a conversation")
    issue.locked, issue.active_lock_reason = False, None
    _tell(scope, issue, "unlocked")
    return Response(status_code=204)


def _shown(scope: Scope, issue: Issue) -> Json:
    return issue_view(scope.simulator, scope.repository, issue)


def _tell(scope: Scope, issue: Issue, action: str, **more: object) -> None:
    webhooks.issue(
        scope.simulator,
        action,
        scope.repository,
        issue,
        scope.caller.actor,
        by_actions=scope.caller.by_actions,
        **more,
    )


def _edit(scope: Scope, issue: Issue, sent: Fields) -> None:
    changes: Json = {}
    title, body = sent.find_text("title"), sent.body()
    if title is not None and title != issue.title:
        changes["title"] = {"from": issue.title}
        issue.title = title
    if body is not None and body != issue.body:
        changes["body"] = {"from": issue.body or ""}
        issue.body, issue.edited_at = body, scope.simulator.clock()
        issue.edited_by = scope.caller.actor
    issue.updated_at = scope.simulator.clock()
    if changes:
        _tell(scope, issue, "edited", changes=changes)


def _change_state(scope: Scope, issue: Issue, sent: Fields, state: str | None) -> None:
    if state is None or state == issue.state:
        return
    if state == "closed":
        issue.state = "closed"
        issue.state_reason = sent.choice("state_reason", _STATE_REASONS, default="completed")
        issue.closed_at, issue.closed_by = scope.simulator.clock(), scope.caller.actor
        _tell(scope, issue, "closed")
    else:
        issue.state, issue.state_reason = "open", "reopened"
        issue.closed_at = issue.closed_by = None
        _tell(scope, issue, "reopened")


def _users(scope: Scope, logins: list[object]) -> list[User]:
    found = [scope.simulator.state.find_user(str(login)) for login in logins]
    return [user for user in found if user is not None]
