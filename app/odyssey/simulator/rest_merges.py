"""Merging pull requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator import merging
from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import not_found
from odyssey.simulator.fields import Fields, fields_of

router = APIRouter()
Reads = Annotated[Scope, Depends(access("contents", "read"))]
Merges = Annotated[Scope, Depends(access("contents", "write"))]
Sent = Annotated[Fields, Depends(fields_of)]


@router.put("/repos/{owner}/{repo}/pulls/{pull_number}/merge")
async def merge_pull(scope: Merges, sent: Sent) -> Response:
    """Merge a pull request."""
    path = scope.request.url.path
    tampered = scope.simulator.faults.take("PUT", path, "tampered_merge")
    asked = merging.MergeRequest(
        sha=sent.find_text("sha"),
        method=sent.choice("merge_method", ("merge", "squash", "rebase"), default="merge"),
        title=sent.find_text("commit_title"),
        message=sent.find_text("commit_message"),
        tampered=tampered.message if tampered else "",
    )
    pull = scope.pull()
    sha = merging.merge(scope.simulator, scope.repository, scope.caller, pull, asked)
    body = {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}
    return JSONResponse(body)


@router.get("/repos/{owner}/{repo}/pulls/{pull_number}/merge")
async def check_merged(scope: Reads) -> Response:
    """Check if a pull request has been merged: 204 or 404."""
    if not scope.pull().merged:
        raise not_found()
    return Response(status_code=204)
