"""Comments on issues and on lines of pull requests, by GitHub's rules."""

from __future__ import annotations

from odyssey.simulator import webhooks
from odyssey.simulator.auth import Scope
from odyssey.simulator.comparing import pull_comparison
from odyssey.simulator.errors import ApiError, forbidden, invalid
from odyssey.simulator.fields import Fields
from odyssey.simulator.permissions import role_at_least, role_of
from odyssey.simulator.state import Comment, Issue, PullRequest, Review, ReviewComment
from odyssey.simulator.views_pulls import review_comment_view

LOCKED = "Unable to create comment because issue is locked."


def refuse_locked(scope: Scope, issue: Issue) -> None:
    """403 when *issue* is locked and the caller is a person without write access."""
    if not issue.locked:
        return
    caller = scope.caller
    if caller.kind == "user" and not role_at_least(
        role_of(caller.actor, scope.repository), "write"
    ):
        raise forbidden(LOCKED)
    if caller.kind == "installation" and not caller.has(scope.repository, "issues", "write"):
        raise forbidden(LOCKED)


def add_comment(scope: Scope, issue: Issue, body: str) -> Comment:
    """A new comment on *issue*, told to the Apps."""
    refuse_locked(scope, issue)
    if not body.strip():
        raise invalid("IssueComment", "missing_field", "body")
    now = scope.simulator.clock()
    comment = Comment(
        id=scope.simulator.ids.next("comment"),
        issue_number=issue.number,
        user=scope.caller.actor,
        body=body,
        created_at=now,
        updated_at=now,
        app=scope.caller.acting_app,
    )
    scope.repository.comments[comment.id] = comment
    issue.updated_at = now
    webhooks.issue_comment(
        scope.simulator,
        "created",
        scope.repository,
        comment,
        scope.caller.actor,
        by_actions=scope.caller.by_actions,
    )
    return comment


def add_line_comment(
    scope: Scope,
    pull: PullRequest,
    sent: Fields,
    *,
    review: Review | None = None,
    in_reply_to: ReviewComment | None = None,
) -> ReviewComment:
    """
    A comment on a line or a file of *pull*; a reply takes its place from *in_reply_to*.

    Raises:
        ApiError: 422 when the path is not part of the diff or the line is missing.
    """
    body = sent.body()
    if not body:
        raise ApiError(422, 'Invalid request.\n\n"body" wasn\'t supplied.')
    now = scope.simulator.clock()
    path = in_reply_to.path if in_reply_to else sent.text("path")
    changes = {c.path: c for c in pull_comparison(scope.repository, pull).changes}
    if path not in changes and in_reply_to is None:
        raise invalid(
            "PullRequestReviewComment",
            "custom",
            "pull_request_review_thread.path",
            "pull_request_review_thread.path could not be resolved",
        )
    line = in_reply_to.line if in_reply_to else sent.find_number("line")
    is_file = sent.find_text("subject_type") == "file"
    if line is None and not is_file and sent.find_number("position") is None:
        raise invalid(
            "PullRequestReviewComment",
            "custom",
            "pull_request_review_thread.line",
            "pull_request_review_thread.line must be part of the diff",
        )
    commit_id = sent.find_text("commit_id") or pull.head_sha
    comment = ReviewComment(
        id=scope.simulator.ids.next("review_comment"),
        review_id=review.id if review else None,
        user=scope.caller.actor,
        body=body,
        path=path,
        commit_id=commit_id,
        original_commit_id=commit_id,
        diff_hunk=(changes[path].patch if path in changes else "") or "",
        created_at=now,
        updated_at=now,
        line=line,
        side=sent.find_text("side") or "RIGHT",
        start_line=sent.find_number("start_line"),
        start_side=sent.find_text("start_side"),
        in_reply_to_id=in_reply_to.id if in_reply_to else None,
        subject_type="file" if is_file else "line",
    )
    pull.review_comments.append(comment)
    _tell(scope, pull, comment)
    return comment


def _tell(scope: Scope, pull: PullRequest, comment: ReviewComment) -> None:
    simulator, repository = scope.simulator, scope.repository
    simulator.emit(
        "pull_request_review_comment",
        "created",
        repository,
        {
            "comment": review_comment_view(simulator, repository, pull, comment),
            "pull_request": webhooks.small_pull(simulator, repository, pull),
        },
        sender=scope.caller.actor,
        by_actions=scope.caller.by_actions,
    )
