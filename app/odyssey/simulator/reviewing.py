"""Submitting and dismissing reviews, by GitHub's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey.simulator import webhooks
from odyssey.simulator.auth import Caller
from odyssey.simulator.errors import ApiError, unprocessable
from odyssey.simulator.state import PullRequest, Repository, Review

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator


def create(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    pull: PullRequest,
    *,
    event: str | None,
    body: str,
    commit_id: str | None,
    has_comments: bool = False,
) -> Review:
    """
    A review; without *event* a pending one. `commit_id` is the head of now unless given.

    Raises:
        ApiError: 422 for an approval of one's own, a second pending review, a missing body,
            or a commit that is not part of the pull request.
    """
    if event is None and any(
        review.state == "PENDING" and review.user.id == caller.actor.id for review in pull.reviews
    ):
        raise unprocessable("User can only have one pending review per pull request")
    _check_event(caller, pull, event, body, has_comments=has_comments)
    if commit_id is not None and (simulator.git(repository).type_of(commit_id) != "commit"):
        raise unprocessable(f"The commit_id {commit_id} is not part of the pull request")
    now = simulator.clock()
    pull.remember(simulator.serial)
    review = Review(
        id=simulator.ids.next("review"),
        user=caller.actor,
        body=body,
        state="PENDING",
        commit_id=commit_id or pull.head_sha,
        submitted_at=None,
        updated_at=now,
        via_app=None if caller.by_actions else caller.acting_app,
        by_actions=caller.by_actions,
    )
    pull.reviews.append(review)
    if event is not None:
        _submit(simulator, repository, caller, pull, review, event)
    return review


def submit(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    pull: PullRequest,
    review: Review,
    *,
    event: str,
    body: str | None,
) -> None:
    """Submit a pending review of the caller."""
    if review.state != "PENDING":
        raise unprocessable("Can not submit a review that is not pending")
    if body is not None:
        review.body = body
    _check_event(caller, pull, event, review.body, has_comments=True)
    pull.remember(simulator.serial)
    _submit(simulator, repository, caller, pull, review, event)


def dismiss(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    pull: PullRequest,
    review: Review,
) -> None:
    """Dismiss a decisive review; 422 for any other."""
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise unprocessable("Can not dismiss a commented pull request review")
    pull.remember(simulator.serial)
    review.state = "DISMISSED"
    review.updated_at = pull.issue.updated_at = simulator.clock()
    webhooks.pull_request_review(simulator, "dismissed", repository, pull, review, caller.actor)


def _check_event(
    caller: Caller, pull: PullRequest, event: str | None, body: str, *, has_comments: bool
) -> None:
    if event is None:
        return
    is_own = caller.actor.id == pull.issue.user.id
    if is_own and event == "APPROVE":
        raise unprocessable("Can not approve your own pull request")
    if is_own and event == "REQUEST_CHANGES":
        raise unprocessable("Can not request changes on your own pull request")
    if caller.by_actions and event == "APPROVE":
        raise unprocessable("GitHub Actions is not permitted to approve pull requests.")
    needs_body = event == "REQUEST_CHANGES" or (event == "COMMENT" and not has_comments)
    if needs_body and not body.strip():
        raise ApiError(422, "Unprocessable Entity", errors=["Body can't be blank"])


def _submit(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    pull: PullRequest,
    review: Review,
    event: str,
) -> None:
    now = simulator.clock()
    match event:
        case "APPROVE":
            review.state = "APPROVED"
        case "REQUEST_CHANGES":
            review.state = "CHANGES_REQUESTED"
        case _:
            review.state = "COMMENTED"
    review.submitted_at = review.updated_at = pull.issue.updated_at = now
    pull.requested_reviewers = [u for u in pull.requested_reviewers if u.id != review.user.id]
    webhooks.pull_request_review(simulator, "submitted", repository, pull, review, caller.actor)
