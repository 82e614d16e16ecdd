"""Comments on lines of a pull request."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator import commenting
from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import forbidden, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.pagination import paged
from odyssey.simulator.state import Json, PullRequest, ReviewComment
from odyssey.simulator.views_pulls import review_comment_view

router = APIRouter()
Reads = Annotated[Scope, Depends(access("pull_requests", "read"))]
Writes = Annotated[Scope, Depends(access("pull_requests", "write"))]
Sent = Annotated[Fields, Depends(fields_of)]


@router.get("/repos/{owner}/{repo}/pulls/{pull_number}/comments")
async def list_comments(scope: Reads) -> Response:
    """List review comments on a pull request."""
    pull = scope.pull()
    return paged(scope.request, pull.review_comments, lambda c: _shown(scope, pull, c))


@router.post("/repos/{owner}/{repo}/pulls/{pull_number}/comments")
async def create_comment(scope: Writes, sent: Sent) -> Response:
    """Create a review comment for a pull request."""
    pull = scope.pull()
    commenting.refuse_locked(scope, pull.issue)
    answered = sent.find_number("in_reply_to")
    parent = None if answered is None else _find(pull, answered)
    comment = commenting.add_line_comment(scope, pull, sent, in_reply_to=parent)
    return JSONResponse(_shown(scope, pull, comment), status_code=201)


@router.post("/repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies")
async def create_reply(scope: Writes, sent: Sent) -> Response:
    """Create a reply for a review comment."""
    pull = scope.pull()
    parent = _find(pull, scope.number("comment_id"))
    comment = commenting.add_line_comment(scope, pull, sent, in_reply_to=parent)
    return JSONResponse(_shown(scope, pull, comment), status_code=201)


@router.get("/repos/{owner}/{repo}/pulls/comments/{comment_id}")
async def get_comment(scope: Reads) -> Response:
    """Get a review comment for a pull request."""
    pull, comment = _anywhere(scope)
    return JSONResponse(_shown(scope, pull, comment))


@router.patch("/repos/{owner}/{repo}/pulls/comments/{comment_id}")
async def update_comment(scope: Writes, sent: Sent) -> Response:
    """Update a review comment for a pull request."""
    pull, comment = _anywhere(scope)
    _own(scope, comment)
    comment.body = sent.text("body")
    comment.updated_at = scope.simulator.clock()
    return JSONResponse(_shown(scope, pull, comment))


@router.delete("/repos/{owner}/{repo}/pulls/comments/{comment_id}")
async def delete_comment(scope: Writes) -> Response:
    """Delete a review comment for a pull request."""
    pull, comment = _anywhere(scope)
    _own(scope, comment)
    pull.review_comments.remove(comment)
    return Response(status_code=204)


def _shown(scope: Scope, pull: PullRequest, comment: ReviewComment) -> Json:
    return review_comment_view(scope.simulator, scope.repository, pull, comment)


def _find(pull: PullRequest, number: int) -> ReviewComment:
    for comment in pull.review_comments:
        if comment.id == number:
            return comment
    raise not_found()


def _anywhere(scope: Scope) -> tuple[PullRequest, ReviewComment]:
    wanted = scope.number("comment_id")
    for pull in scope.repository.pulls.values():
        for comment in pull.review_comments:
            if comment.id == wanted:
                return pull, comment
    raise not_found()


def _own(scope: Scope, comment: ReviewComment) -> None:
    if comment.user is scope.caller.user:
        return
    scope.need_role("write", "Must have write access to change the comment of somebody else")
    if scope.caller.kind == "installation":
        raise forbidden()
