"""Commit statuses."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.mergeability import latest_statuses
from odyssey.simulator.pagination import paged
from odyssey.simulator.state import CommitStatus
from odyssey.simulator.views_checks import simple_status_view, status_event, status_view
from odyssey.simulator.views_repositories import minimal_repository, repository_url

router = APIRouter()
Reads = Annotated[Scope, Depends(access("statuses", "read"))]
Writes = Annotated[Scope, Depends(access("statuses", "write"))]
Sent = Annotated[Fields, Depends(fields_of)]
STATES = ("error", "failure", "pending", "success")


@router.post("/repos/{owner}/{repo}/statuses/{sha}")
async def create_status(sha: str, scope: Writes, sent: Sent) -> Response:
    """Create a commit status; people need write access for it."""
    state = sent.choice("state", STATES)
    if scope.simulator.git(scope.repository).type_of(sha) != "commit":
        raise ApiError(422, f"No commit found for SHA: {sha}")
    status = CommitStatus(
        id=scope.simulator.ids.next("status"),
        sha=sha,
        context=sent.find_text("context") or "default",
        state=state,
        description=sent.find_text("description"),
        target_url=sent.find_text("target_url"),
        creator=scope.caller.actor,
        app=scope.caller.app,
        created_at=scope.simulator.clock(),
    )
    scope.repository.statuses.append(status)
    scope.simulator.emit(
        "status",
        None,
        scope.repository,
        status_event(scope.simulator, scope.repository, status),
        sender=scope.caller.actor,
        by_actions=scope.caller.by_actions,
    )
    shown = status_view(scope.simulator, scope.repository, status)
    return JSONResponse(shown, status_code=201)


@router.get("/repos/{owner}/{repo}/commits/{ref:path}/statuses")
async def list_statuses(ref: str, scope: Reads) -> Response:
    """List commit statuses for a reference, newest first."""
    sha = _sha(scope, ref)
    found = [status for status in scope.repository.statuses if status.sha == sha]
    return paged(
        scope.request,
        found[::-1],
        lambda status: status_view(scope.simulator, scope.repository, status),
    )


@router.get("/repos/{owner}/{repo}/commits/{ref:path}/status")
async def combined_status(ref: str, scope: Reads) -> Response:
    """Get the combined status for a reference: pending without any status."""
    sha = _sha(scope, ref)
    latest = latest_statuses(scope.repository, sha)
    states = {status.state for status in latest}
    if states & {"error", "failure"}:
        state = "failure"
    else:
        state = "success" if states == {"success"} else "pending"
    base = repository_url(scope.simulator, scope.repository)
    body = {
        "state": state,
        "statuses": [simple_status_view(scope.simulator, scope.repository, s) for s in latest],
        "sha": sha,
        "total_count": len(latest),
        "repository": minimal_repository(scope.simulator, scope.repository),
        "commit_url": f"{base}/commits/{sha}",
        "url": f"{base}/commits/{sha}/status",
    }
    return JSONResponse(body)


def _sha(scope: Scope, ref: str) -> str:
    sha = scope.simulator.git(scope.repository).find_commit(ref)
    if sha is None:
        raise not_found()
    return sha
