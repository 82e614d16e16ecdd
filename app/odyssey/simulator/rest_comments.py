"""Comments on issues and pull requests, and reactions to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator import commenting, webhooks
from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import forbidden, invalid, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.pagination import paged
from odyssey.simulator.rest_issues import issue_of
from odyssey.simulator.state import Comment, Json, Reaction
from odyssey.simulator.views_issues import CONTENTS, comment_view, reaction_view

router = APIRouter()
_PULLS_READ, _PULLS_WRITE = [("pull_requests", "read")], [("pull_requests", "write")]
Reads = Annotated[Scope, Depends(access("issues", "read", alternatives=_PULLS_READ))]
Writes = Annotated[Scope, Depends(access("issues", "write", alternatives=_PULLS_WRITE))]
Sent = Annotated[Fields, Depends(fields_of)]
_COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"
_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"


@router.get("/repos/{owner}/{repo}/issues/comments")
async def list_repository_comments(scope: Reads) -> Response:
    """List issue comments for a repository: oldest first, or by `sort` and `direction`."""
    query = scope.request.query_params
    found = _since(scope, list(scope.repository.comments.values()))
    if query.get("sort") in ("created", "updated"):
        by_update = query["sort"] == "updated"
        found.sort(
            key=lambda one: (one.updated_at if by_update else one.created_at, one.id),
            # GitHub heeds `direction` only beside `sort`.
            reverse=query.get("direction", "desc") == "desc",
        )
    return paged(scope.request, found, lambda comment: _shown(scope, comment))


@router.get(_ISSUE + "/comments")
async def list_comments(scope: Reads) -> Response:
    """List issue comments, oldest first."""
    issue = issue_of(scope)
    said = [one for one in scope.repository.comments.values() if one.issue_number == issue.number]
    return paged(scope.request, _since(scope, said), lambda comment: _shown(scope, comment))


@router.post(_ISSUE + "/comments")
async def create_comment(scope: Writes, sent: Sent) -> Response:
    """Create an issue comment."""
    sent.text("body")
    comment = commenting.add_comment(scope, issue_of(scope), sent.body() or "")
    shown = _shown(scope, comment)
    return JSONResponse(shown, status_code=201, headers={"location": shown["url"]})


@router.get(_COMMENT)
async def get_comment(scope: Reads) -> Response:
    """Get an issue comment."""
    return JSONResponse(_shown(scope, _comment(scope)))


@router.patch(_COMMENT)
async def update_comment(scope: Writes, sent: Sent) -> Response:
    """Update an issue comment: one's own, or anybody's with write access."""
    comment = _comment(scope)
    _may_change(scope, comment)
    sent.text("body")
    before, comment.body = comment.body, sent.body() or ""
    comment.updated_at = scope.simulator.clock()
    webhooks.issue_comment(
        scope.simulator,
        "edited",
        scope.repository,
        comment,
        scope.caller.actor,
        by_actions=scope.caller.by_actions,
        changes={"body": {"from": before}},
    )
    return JSONResponse(_shown(scope, comment))


@router.delete(_COMMENT)
async def delete_comment(scope: Writes) -> Response:
    """Delete an issue comment."""
    comment = _comment(scope)
    _may_change(scope, comment)
    webhooks.issue_comment(
        scope.simulator,
        "deleted",
        scope.repository,
        comment,
        scope.caller.actor,
        by_actions=scope.caller.by_actions,
    )
    del scope.repository.comments[comment.id]
    return Response(status_code=204)


@router.get(_COMMENT + "/reactions")
async def list_comment_reactions(scope: Reads) -> Response:
    """List reactions for an issue comment."""
    return _reactions(scope, _comment(scope).reactions)


@router.post(_COMMENT + "/reactions")
async def react_to_comment(scope: Writes, sent: Sent) -> Response:
    """Create a reaction for an issue comment: 201, or 200 when it was there."""
    return _react(scope, _comment(scope).reactions, sent)


@router.delete(_COMMENT + "/reactions/{reaction_id}")
async def delete_comment_reaction(scope: Writes) -> Response:
    """Delete an issue comment reaction of one's own."""
    reactions = _comment(scope).reactions
    wanted = scope.number("reaction_id")
    found = next((r for r in reactions if r.id == wanted), None)
    if found is None:
        raise not_found()
    if found.user is not scope.caller.user:
        raise forbidden()
    reactions.remove(found)
    return Response(status_code=204)


@router.get(_ISSUE + "/reactions")
async def list_issue_reactions(scope: Reads) -> Response:
    """List reactions for an issue."""
    return _reactions(scope, issue_of(scope).reactions)


@router.post(_ISSUE + "/reactions")
async def react_to_issue(scope: Writes, sent: Sent) -> Response:
    """Create a reaction for an issue."""
    return _react(scope, issue_of(scope).reactions, sent)


def _since(scope: Scope, comments: list[Comment]) -> list[Comment]:
    """Those that were updated at `since` or later; the parameter is in whole seconds."""
    since = scope.request.query_params.get("since")
    if not since:
        return comments
    after = datetime.fromisoformat(since.replace("Z", "+00:00"))
    return [one for one in comments if one.updated_at.replace(microsecond=0) >= after]


def _shown(scope: Scope, comment: Comment) -> Json:
    return comment_view(scope.simulator, scope.repository, comment)


def _comment(scope: Scope) -> Comment:
    found = scope.repository.comments.get(scope.number("comment_id"))
    if found is None:
        raise not_found()
    return found


def _may_change(scope: Scope, comment: Comment) -> None:
    if comment.user is scope.caller.user:
        return
    scope.need_role("write", "Must have write access to change the comment of somebody else")


def _reactions(scope: Scope, reactions: Sequence[Reaction]) -> Response:
    content = scope.request.query_params.get("content")
    found = [r for r in reactions if content in (None, r.content)]
    return paged(scope.request, found, lambda r: reaction_view(scope.simulator, r))


def _react(scope: Scope, reactions: list[Reaction], sent: Fields) -> Response:
    content = sent.text("content")
    if content not in CONTENTS:
        raise invalid("Reaction", "invalid", "content")
    actor = scope.caller.actor
    found = next((r for r in reactions if r.user is actor and r.content == content), None)
    status = 200
    if found is None:
        found = Reaction(
            scope.simulator.ids.next("reaction"), actor, content, scope.simulator.clock()
        )
        reactions.append(found)
        status = 201
    return JSONResponse(reaction_view(scope.simulator, found), status_code=status)
