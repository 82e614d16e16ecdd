"""Pull requests, reviews and review threads as the GraphQL API shows them."""

from __future__ import annotations

from typing import Any

from odyssey.simulator.comparing import Comparison, pull_comparison
from odyssey.simulator.diffs import FileChange
from odyssey.simulator.git import Commit
from odyssey.simulator.graphql_checks import branch_rules, rollup
from odyssey.simulator.graphql_connections import Node, NotBuilt, connection, paging
from odyssey.simulator.graphql_git import account, commit, pull_request_commit, ref
from odyssey.simulator.graphql_objects import (
    Desk,
    conversation,
    hideable,
    pull_state,
)
from odyssey.simulator.ids import node_id, optional_timestamp, timestamp
from odyssey.simulator.mergeability import compute, is_current
from odyssey.simulator.permissions import role_at_least, role_of
from odyssey.simulator.state import BaseChange, PullRequest, Repository, Review, ReviewComment
from odyssey.simulator.views_issues import association, issue_page

_CHANGE = {
    "added": "ADDED",
    "removed": "DELETED",
    "modified": "MODIFIED",
    "renamed": "RENAMED",
    "copied": "COPIED",
    "changed": "CHANGED",
}


def pull_node(desk: Desk, repository: Repository, pull: PullRequest, home: Node) -> Node:
    """
    A `PullRequest`; *home* is the node of its repository.
    """
    simulator = desk.simulator

    def between() -> Comparison:
        return pull_comparison(repository, pull)

    def base_ref() -> Node | None:
        found = ref(simulator, repository, f"refs/heads/{pull.base_branch}")
        return found and {**found, **branch_rules(repository, pull.base_branch)}

    def commits(**page: Any) -> Node:
        def render(one: Commit) -> Node:
            return pull_request_commit(
                simulator, repository, one, checks=lambda: rollup(desk, repository, one.sha)
            )

        return connection("commits", between().commits, render)(**page)

    def files(**page: Any) -> Node:
        return connection("files", between().changes, _file)(**page)

    def reviews(states: list[str] | None = None, author: str | None = None, **page: Any) -> Node:
        found = [
            one
            for one in pull.reviews
            if (one.state != "PENDING" or one.user is desk.caller.user)
            and (not states or one.state in states)
            and author in (None, one.user.login, one.user.login.removesuffix("[bot]"))
        ]
        return connection("reviews", found, lambda one: review_node(desk, repository, pull, one))(
            **page
        )

    def threads(**page: Any) -> Node:
        found = [one for one in pull.review_comments if one.in_reply_to_id is None]
        return connection(
            "reviewThreads", found, lambda one: thread_node(desk, repository, pull, one)
        )(**page)

    def timeline(itemTypes: list[str] | None = None, **page: Any) -> Node:  # noqa: N803  GitHub's
        if set(itemTypes or ()) - {"AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT"} != {
            "BASE_REF_CHANGED_EVENT"
        }:
            raise NotBuilt("`timelineItems` of other types than changes of the base branch")
        return connection("timelineItems", pull.base_changes, lambda one: _base_change(desk, one))(
            **paging("timelineItems", page)
        )

    merge_sha = pull.merge_commit_sha if pull.merged else None
    return {
        "__typename": "PullRequest",
        "id": node_id("PullRequest", pull.id),
        "databaseId": pull.id,
        **conversation(desk, repository, pull.issue),
        "state": pull_state(pull),
        "isDraft": pull.draft,
        "merged": pull.merged,
        "mergedAt": optional_timestamp(pull.merged_at),
        "mergedBy": account(simulator, pull.merged_by),
        "mergeCommit": lambda: commit(simulator, repository, merge_sha) if merge_sha else None,
        "mergeable": lambda: mergeable(desk, repository, pull),
        "isCrossRepository": False,
        "maintainerCanModify": pull.maintainer_can_modify,
        "headRefName": pull.head_branch,
        "headRefOid": pull.head_sha,
        "headRef": lambda: ref(simulator, repository, f"refs/heads/{pull.head_branch}"),
        "headRepository": home,
        "baseRefName": pull.base_branch,
        "baseRefOid": pull.base_sha,
        "baseRef": base_ref,
        "baseRepository": home,
        "additions": lambda: between().additions,
        "deletions": lambda: between().deletions,
        "changedFiles": lambda: len(between().changes),
        "commits": commits,
        "files": files,
        "reviews": reviews,
        "reviewThreads": threads,
        "timelineItems": timeline,
    }


def _base_change(desk: Desk, change: BaseChange) -> Node:
    return {
        "__typename": "BaseRefChangedEvent",
        "id": node_id("BaseRefChangedEvent", change.id),
        "createdAt": timestamp(change.at),
        "currentRefName": change.after,
        "previousRefName": change.before,
        "actor": account(desk.simulator, change.by),
    }


def review_node(desk: Desk, repository: Repository, pull: PullRequest, review: Review) -> Node:
    """
    A `PullRequestReview`; `commit` is the head at submission and stays.
    """
    page = issue_page(desk.simulator, repository, pull.issue)
    may_push = role_at_least(role_of(review.user, repository), "write")
    return {
        "__typename": "PullRequestReview",
        **hideable(desk, node_id("PullRequestReview", review.id)),
        "databaseId": review.id,
        "state": review.state,
        "body": review.body or "",
        "url": f"{page}#pullrequestreview-{review.id}",
        "createdAt": timestamp(review.submitted_at or review.updated_at),
        "submittedAt": optional_timestamp(review.submitted_at),
        "lastEditedAt": None,
        "author": account(desk.simulator, review.user),
        "authorAssociation": association(repository, review.user),
        "authorCanPushToRepository": may_push,
        "commit": lambda: commit(desk.simulator, repository, review.commit_id),
    }


def thread_node(desk: Desk, repository: Repository, pull: PullRequest, root: ReviewComment) -> Node:
    """
    A `PullRequestReviewThread`: a review comment with its replies, named after that comment.
    """
    said = [root, *(c for c in pull.review_comments if c.in_reply_to_id == root.id)]
    outdated = root.line is None and root.subject_type == "line"
    by_comments = connection(
        "comments", said, lambda one: review_comment_node(desk, repository, pull, one)
    )
    return {
        "__typename": "PullRequestReviewThread",
        "id": node_id("PullRequestReviewThread", root.id),
        "isResolved": root.resolved,
        "isOutdated": outdated,
        "path": root.path,
        "comments": by_comments,
    }


def review_comment_node(
    desk: Desk, repository: Repository, pull: PullRequest, comment: ReviewComment
) -> Node:
    """
    A `PullRequestReviewComment`.
    """
    page = issue_page(desk.simulator, repository, pull.issue)
    return {
        "__typename": "PullRequestReviewComment",
        **hideable(desk, node_id("PullRequestReviewComment", comment.id)),
        "databaseId": comment.id,
        "body": comment.body,
        "path": comment.path,
        "url": f"{page}#discussion_r{comment.id}",
        "createdAt": timestamp(comment.created_at),
        "author": account(desk.simulator, comment.user),
        "originalCommit": lambda: commit(desk.simulator, repository, comment.original_commit_id),
    }


def mergeable(desk: Desk, repository: Repository, pull: PullRequest) -> str:
    """
    MERGEABLE or CONFLICTING by the test merge; UNKNOWN at the first look, which starts that merge.
    """
    if pull.merged:
        return "UNKNOWN"
    if desk.simulator.lazy_mergeability and not is_current(repository, pull):
        compute(repository, pull)
        return "UNKNOWN"
    return "MERGEABLE" if compute(repository, pull).clean else "CONFLICTING"


def _file(change: FileChange) -> Node:
    return {
        "path": change.path,
        "additions": change.additions,
        "deletions": change.deletions,
        "changeType": _CHANGE[change.status],
    }
