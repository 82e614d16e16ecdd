"""Labels of a repository and of an issue or pull request."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator import webhooks
from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError, invalid, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.labelling import labels_named
from odyssey.simulator.pagination import paged
from odyssey.simulator.rest_issues import issue_of
from odyssey.simulator.state import Issue, Label
from odyssey.simulator.views_issues import label_view

router = APIRouter()
_PULLS_READ, _PULLS_WRITE = [("pull_requests", "read")], [("pull_requests", "write")]
Reads = Annotated[Scope, Depends(access("issues", "read", alternatives=_PULLS_READ))]
Writes = Annotated[Scope, Depends(access("issues", "write", alternatives=_PULLS_WRITE))]
Sent = Annotated[Fields, Depends(fields_of)]
_LABELS = "/repos/{owner}/{repo}/issues/{issue_number}/labels"


@router.get("/repos/{owner}/{repo}/labels")
async def list_repository_labels(scope: Reads) -> Response:
    """List labels for a repository."""
    labels = list(scope.repository.labels.values())
    return paged(
        scope.request, labels, lambda label: label_view(scope.simulator, scope.repository, label)
    )


@router.post("/repos/{owner}/{repo}/labels")
async def create_label(scope: Writes, sent: Sent) -> Response:
    """Create a label."""
    name = sent.text("name")
    scope.need_role("triage", "Must have triage rights to create a label")
    if name in scope.repository.labels:
        raise invalid("Label", "already_exists", "name")
    label = Label(
        scope.simulator.ids.next("label"),
        name,
        sent.find_text("color") or "ededed",
        sent.find_text("description"),
    )
    scope.repository.labels[name] = label
    shown = label_view(scope.simulator, scope.repository, label)
    return JSONResponse(shown, status_code=201)


@router.get("/repos/{owner}/{repo}/labels/{name}")
async def get_label(name: str, scope: Reads) -> Response:
    """Get a label."""
    label = scope.repository.labels.get(name)
    if label is None:
        raise not_found()
    return JSONResponse(label_view(scope.simulator, scope.repository, label))


@router.get(_LABELS)
async def list_labels(scope: Reads) -> Response:
    """List labels for an issue."""
    return _labels(scope, issue_of(scope))


@router.post(_LABELS)
async def add_labels(scope: Writes, sent: Sent) -> Response:
    """Add labels to an issue."""
    issue = issue_of(scope)
    scope.need_role("triage", "Must have triage rights to label")
    for label in labels_named(scope, sent.find_list("labels") or []):
        if label not in issue.labels:
            issue.labels.append(label)
            _tell(scope, issue, "labeled", label)
    return _labels(scope, issue)


@router.put(_LABELS)
async def set_labels(scope: Writes, sent: Sent) -> Response:
    """Set labels for an issue."""
    issue = issue_of(scope)
    scope.need_role("triage", "Must have triage rights to label")
    wanted = labels_named(scope, sent.find_list("labels") or [])
    before, issue.labels = issue.labels, wanted
    for label in before:
        if label not in wanted:
            _tell(scope, issue, "unlabeled", label)
    for label in wanted:
        if label not in before:
            _tell(scope, issue, "labeled", label)
    return _labels(scope, issue)


@router.delete(_LABELS + "/{name}")
async def remove_label(name: str, scope: Writes) -> Response:
    """Remove a label from an issue."""
    issue = issue_of(scope)
    scope.need_role("triage", "Must have triage rights to label")
    label = next((label for label in issue.labels if label.name == name), None)
    if label is None:
        raise ApiError(404, "Label does not exist")
    issue.labels.remove(label)
    _tell(scope, issue, "unlabeled", label)
    return _labels(scope, issue)


def _labels(scope: Scope, issue: Issue) -> Response:
    shown = [label_view(scope.simulator, scope.repository, label) for label in issue.labels]
    return JSONResponse(shown)


def _tell(scope: Scope, issue: Issue, action: str, label: Label) -> None:
    issue.updated_at = scope.simulator.clock()
    webhooks.issue(
        scope.simulator,
        action,
        scope.repository,
        issue,
        scope.caller.actor,
        by_actions=scope.caller.by_actions,
        label=label_view(scope.simulator, scope.repository, label),
    )
