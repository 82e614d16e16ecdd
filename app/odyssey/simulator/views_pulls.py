"""Pull requests, reviews and review comments as the API and the webhooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey.simulator.comparing import pull_comparison
from odyssey.simulator.ids import node_id, optional_timestamp, timestamp
from odyssey.simulator.mergeability import mergeable_state
from odyssey.simulator.state import Json, PullRequest, Repository, Review, ReviewComment
from odyssey.simulator.views_accounts import optional_user, simple_user
from odyssey.simulator.views_issues import association, label_view, reaction_rollup
from odyssey.simulator.views_repositories import (
    merge_settings,
    minimal_repository,
    repository_page,
    repository_url,
)

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator


def pull_simple(simulator: Simulator, repository: Repository, pull: PullRequest) -> Json:
    """The `pull-request-simple` schema: an entry of a list."""
    issue = pull.issue
    base = repository_url(simulator, repository)
    page = pull_page(simulator, repository, pull)
    url, issue_url = f"{base}/pulls/{pull.number}", f"{base}/issues/{pull.number}"
    reviewers = [simple_user(simulator, user) for user in pull.requested_reviewers]
    return {
        "url": url,
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue_url,
        "number": pull.number,
        "state": issue.state,
        "locked": issue.locked,
        "title": issue.title,
        "user": simple_user(simulator, issue.user),
        "body": issue.body,
        "created_at": timestamp(issue.created_at),
        "updated_at": timestamp(issue.updated_at),
        "closed_at": optional_timestamp(issue.closed_at),
        "merged_at": optional_timestamp(pull.merged_at),
        "assignees": [simple_user(simulator, user) for user in issue.assignees],
        "requested_reviewers": reviewers,
        "requested_teams": [],
        "labels": [label_view(simulator, repository, label) for label in issue.labels],
        "milestone": None,
        "draft": pull.draft,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{base}/pulls/comments{{/number}}",
        "comments_url": f"{issue_url}/comments",
        "statuses_url": f"{base}/statuses/{pull.head_sha}",
        "head": _side(simulator, repository, pull.head_branch, pull.head_sha),
        "base": _side(simulator, repository, pull.base_branch, pull.base_sha),
        "_links": {
            "self": {"href": url},
            "html": {"href": page},
            "issue": {"href": issue_url},
            "comments": {"href": f"{issue_url}/comments"},
            "review_comments": {"href": f"{url}/comments"},
            "review_comment": {"href": f"{base}/pulls/comments{{/number}}"},
            "commits": {"href": f"{url}/commits"},
            "statuses": {"href": f"{base}/statuses/{pull.head_sha}"},
        },
        "author_association": association(repository, issue.user),
        "auto_merge": None,
        "active_lock_reason": issue.active_lock_reason,
    }


def pull_view(simulator: Simulator, repository: Repository, pull: PullRequest) -> Json:
    """The `pull-request` schema; `mergeable` is null until the test merge was made."""
    comparison = pull_comparison(repository, pull)
    known = pull.mergeability
    comments = sum(c.issue_number == pull.number for c in repository.comments.values())
    return {
        **pull_simple(simulator, repository, pull),
        "merged": pull.merged,
        "mergeable": None if known is None or pull.merged else known.clean,
        "rebaseable": None if known is None or pull.merged else known.rebaseable,
        "mergeable_state": mergeable_state(simulator, repository, pull),
        "merged_by": optional_user(simulator, pull.merged_by),
        "comments": comments,
        "review_comments": len(pull.review_comments),
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": len(comparison.commits),
        "additions": comparison.additions,
        "deletions": comparison.deletions,
        "changed_files": len(comparison.changes),
    }


def pull_page(simulator: Simulator, repository: Repository, pull: PullRequest) -> str:
    """The web address of *pull*."""
    return f"{repository_page(simulator, repository)}/pull/{pull.number}"


def pull_reference(simulator: Simulator, repository: Repository, pull: PullRequest) -> Json:
    """The `pull-request-minimal` schema: how check runs and workflow runs name a pull request."""
    base = repository_url(simulator, repository)
    named = {"id": repository.id, "url": base, "name": repository.name}
    return {
        "id": pull.id,
        "number": pull.number,
        "url": f"{base}/pulls/{pull.number}",
        "head": {"ref": pull.head_branch, "sha": pull.head_sha, "repo": named},
        "base": {"ref": pull.base_branch, "sha": pull.base_sha, "repo": named},
    }


def _side(simulator: Simulator, repository: Repository, branch: str, sha: str) -> Json:
    return {
        "label": f"{repository.owner.login}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": simple_user(simulator, repository.owner),
        "repo": {
            **minimal_repository(simulator, repository),
            **merge_settings(repository),
            "allow_auto_merge": False,
            "allow_update_branch": True,
        },
    }


def review_view(
    simulator: Simulator, repository: Repository, pull: PullRequest, review: Review
) -> Json:
    """The `pull-request-review` schema; a pending review has no `submitted_at`."""
    url = f"{repository_url(simulator, repository)}/pulls/{pull.number}"
    page = f"{pull_page(simulator, repository, pull)}#pullrequestreview-{review.id}"
    shown: Json = {
        "id": review.id,
        "node_id": node_id("PullRequestReview", review.id),
        "user": simple_user(simulator, review.user),
        "body": review.body,
        "state": review.state,
        "html_url": page,
        "pull_request_url": url,
        "author_association": association(repository, review.user),
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "commit_id": review.commit_id,
    }
    if review.submitted_at is not None:
        shown["submitted_at"] = timestamp(review.submitted_at)
    return shown


def review_comment_view(
    simulator: Simulator, repository: Repository, pull: PullRequest, comment: ReviewComment
) -> Json:
    """The `pull-request-review-comment` schema; an outdated comment has no line any more."""
    base = repository_url(simulator, repository)
    url = f"{base}/pulls/comments/{comment.id}"
    pull_url = f"{base}/pulls/{pull.number}"
    page = f"{pull_page(simulator, repository, pull)}#discussion_r{comment.id}"
    shown: Json = {
        "url": url,
        "pull_request_review_id": comment.review_id,
        "id": comment.id,
        "node_id": node_id("PullRequestReviewComment", comment.id),
        "diff_hunk": comment.diff_hunk,
        "path": comment.path,
        "commit_id": comment.commit_id,
        "original_commit_id": comment.original_commit_id,
        "user": simple_user(simulator, comment.user),
        "body": comment.body,
        "created_at": timestamp(comment.created_at),
        "updated_at": timestamp(comment.updated_at),
        "html_url": page,
        "pull_request_url": pull_url,
        "author_association": association(repository, comment.user),
        "_links": {
            "self": {"href": url},
            "html": {"href": page},
            "pull_request": {"href": pull_url},
        },
        "reactions": reaction_rollup(url, []),
        "start_line": comment.start_line,
        "original_start_line": comment.start_line,
        "start_side": comment.start_side,
        "line": comment.line,
        "original_line": comment.line or 1,
        "side": comment.side,
        "original_position": 1,
        "position": 1,
        "subject_type": comment.subject_type,
    }
    if comment.in_reply_to_id is not None:
        shown["in_reply_to_id"] = comment.in_reply_to_id
    return shown
