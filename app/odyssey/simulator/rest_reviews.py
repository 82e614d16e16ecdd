"""Reviews of pull requests: listed, submitted, dismissed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator import commenting, reviewing, webhooks
from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError, not_found, unprocessable
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.pagination import paged
from odyssey.simulator.permissions import role_of
from odyssey.simulator.state import PullRequest, Review
from odyssey.simulator.views_accounts import simple_user
from odyssey.simulator.views_pulls import pull_simple, review_comment_view, review_view

router = APIRouter()
Reads = Annotated[Scope, Depends(access("pull_requests", "read"))]
Writes = Annotated[Scope, Depends(access("pull_requests", "write"))]
Sent = Annotated[Fields, Depends(fields_of)]
EVENTS = ("APPROVE", "REQUEST_CHANGES", "COMMENT")
_PULL = "/repos/{owner}/{repo}/pulls/{pull_number}"


@router.get(_PULL + "/reviews")
async def list_reviews(scope: Reads) -> Response:
    """List reviews, oldest first; a pending one is seen by its author only."""
    pull = scope.pull()
    if scope.request.scope["stale_read"] and pull.previous is not None:
        pull = pull.previous
    seen = [
        review
        for review in pull.reviews
        if review.state != "PENDING" or review.user is scope.caller.user
    ]
    return paged(scope.request, seen, lambda review: _shown(scope, pull, review))


@router.post(_PULL + "/reviews")
async def create_review(scope: Writes, sent: Sent) -> Response:
    """Create a review, with its line comments if there are any."""
    pull = scope.pull()
    event = sent.find_text("event") or None
    if event is not None and event not in EVENTS:
        raise unprocessable(f"Event {event} is not one of {', '.join(EVENTS)}")
    comments = sent.find_list("comments") or []
    review = reviewing.create(
        scope.simulator,
        scope.repository,
        scope.caller,
        pull,
        event=event,
        body=sent.body() or "",
        commit_id=sent.find_text("commit_id"),
        has_comments=bool(comments),
    )
    for entry in comments:
        commenting.add_line_comment(scope, pull, Fields(entry), review=review)
    return JSONResponse(_shown(scope, pull, review))


@router.get(_PULL + "/reviews/{review_id}")
async def get_review(scope: Reads) -> Response:
    """Get a review."""
    pull = scope.pull()
    return JSONResponse(_shown(scope, pull, _review(scope, pull)))


@router.put(_PULL + "/reviews/{review_id}")
async def update_review(scope: Writes, sent: Sent) -> Response:
    """Update the body of one's own review."""
    pull = scope.pull()
    review = _review(scope, pull)
    if review.user is not scope.caller.user:
        raise ApiError(403, "Resource not accessible by integration")
    review.body = sent.text("body")
    return JSONResponse(_shown(scope, pull, review))


@router.post(_PULL + "/reviews/{review_id}/events")
async def submit_review(scope: Writes, sent: Sent) -> Response:
    """Submit a pending review."""
    pull = scope.pull()
    review = _review(scope, pull)
    reviewing.submit(
        scope.simulator,
        scope.repository,
        scope.caller,
        pull,
        review,
        event=sent.choice("event", EVENTS),
        body=sent.body(),
    )
    return JSONResponse(_shown(scope, pull, review))


@router.put(_PULL + "/reviews/{review_id}/dismissals")
async def dismiss_review(scope: Writes, sent: Sent) -> Response:
    """Dismiss a review; people need write access for it."""
    pull = scope.pull()
    scope.need_role("write", "Must have write access to dismiss a review")
    sent.text("message")
    review = _review(scope, pull)
    reviewing.dismiss(scope.simulator, scope.repository, scope.caller, pull, review)
    return JSONResponse(_shown(scope, pull, review))


@router.get(_PULL + "/reviews/{review_id}/comments")
async def list_review_comments(scope: Reads) -> Response:
    """List the comments of one review."""
    pull = scope.pull()
    review = _review(scope, pull)
    comments = [c for c in pull.review_comments if c.review_id == review.id]
    return paged(
        scope.request,
        comments,
        lambda c: review_comment_view(scope.simulator, scope.repository, pull, c),
    )


@router.get(_PULL + "/requested_reviewers")
async def list_requested(scope: Reads) -> Response:
    """Get all requested reviewers."""
    users = [simple_user(scope.simulator, u) for u in scope.pull().requested_reviewers]
    return JSONResponse({"users": users, "teams": []})


@router.post(_PULL + "/requested_reviewers")
async def request_reviewers(scope: Writes, sent: Sent) -> Response:
    """Request reviewers for a pull request."""
    pull = scope.pull()
    for login in sent.find_list("reviewers") or []:
        user = scope.simulator.state.find_user(str(login))
        if (
            user is None
            or user.id == pull.issue.user.id
            or role_of(user, scope.repository) == "none"
        ):
            raise ApiError(422, "Reviews may only be requested from collaborators.")
        if user not in pull.requested_reviewers:
            pull.remember(scope.simulator.serial)
            pull.requested_reviewers.append(user)
            webhooks.pull_request(
                scope.simulator,
                "review_requested",
                scope.repository,
                pull,
                scope.caller.actor,
                requested_reviewer=simple_user(scope.simulator, user),
            )
    shown = pull_simple(scope.simulator, scope.repository, pull)
    return JSONResponse(shown, status_code=201)


def _shown(scope: Scope, pull: PullRequest, review: Review) -> dict[str, object]:
    return review_view(scope.simulator, scope.repository, pull, review)


def _review(scope: Scope, pull: PullRequest) -> Review:
    wanted = scope.number("review_id")
    for review in pull.reviews:
        if review.id == wanted:
            return review
    raise not_found()
