"""What a GraphQL node id stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from odyssey.simulator.graphql_connections import Node, Refusal
from odyssey.simulator.graphql_git import account
from odyssey.simulator.graphql_objects import (
    READ_ISSUES,
    READ_PULLS,
    Desk,
    comment_node,
    issue_node,
)
from odyssey.simulator.graphql_pulls import (
    pull_node,
    review_comment_node,
    review_node,
    thread_node,
)
from odyssey.simulator.graphql_repositories import repository_node
from odyssey.simulator.ids import parse_node_id
from odyssey.simulator.state import PullRequest, Repository, User


@dataclass(frozen=True, slots=True)
class Found:
    """
    The object behind a node id, where it lives, and how it is shown.

    `kind` is the GraphQL type; of a thread, `item` is the comment that began it.
    """

    kind: str
    item: Any
    render: Callable[[], Node]
    repository: Repository | None = None
    pull: PullRequest | None = None


def find_node(desk: Desk, identifier: str) -> Found:
    """
    The object called *identifier*; refused when there is none that the caller may know of.
    """
    kind, number = parse_node_id(identifier) or ("", "")
    found = _find(desk, kind, int(number)) if number.isdecimal() else None
    if found is None or not (found.repository is None or desk.caller.sees(found.repository)):
        raise Refusal(
            "NOT_FOUND", f"Could not resolve to a node with the global id of '{identifier}'."
        )
    if found.repository is not None and found.kind != "Repository":
        reading = READ_ISSUES if found.kind in ("Issue", "IssueComment") else READ_PULLS
        desk.need(found.repository, (*reading, *READ_PULLS) if found.pull else reading)
    return found


def _find(desk: Desk, kind: str, number: int) -> Found | None:
    state = desk.simulator.state
    if kind == "User":
        user = next((one for one in state.users.values() if one.id == number), None)
        return None if user is None else Found(user.kind, user, lambda: _account(desk, user))
    for repository in state.repositories.values():
        found = _find_in(desk, repository, kind, number)
        if found is not None:
            return found
    return None


def _find_in(desk: Desk, repository: Repository, kind: str, number: int) -> Found | None:
    match kind:
        case "Repository" if repository.id == number:
            return Found(kind, repository, lambda: repository_node(desk, repository), repository)
        case "Issue":
            issue = next((one for one in repository.issues.values() if one.id == number), None)
            # The REST API shows a pull request as an issue too, with an id of its own.
            if issue is not None and issue.pull is not None:
                return _pull(desk, repository, issue.pull)
            if issue is not None:
                return Found(kind, issue, lambda: issue_node(desk, repository, issue), repository)
        case "IssueComment":
            comment = repository.comments.get(number)
            if comment is not None:
                pull = repository.pulls.get(comment.issue_number)
                return Found(
                    kind, comment, lambda: comment_node(desk, repository, comment), repository, pull
                )
        case "PullRequest":
            for pull in repository.pulls.values():
                if pull.id == number:
                    return _pull(desk, repository, pull)
        case "PullRequestReview" | "PullRequestReviewComment" | "PullRequestReviewThread":
            for pull in repository.pulls.values():
                found = _find_in_pull(desk, repository, pull, kind, number)
                if found is not None:
                    return found
        case _:
            pass
    return None


def _account(desk: Desk, user: User) -> Node:
    shown = account(desk.simulator, user)
    assert shown is not None
    return shown


def _pull(desk: Desk, repository: Repository, pull: PullRequest) -> Found:
    return Found(
        "PullRequest",
        pull,
        lambda: pull_node(desk, repository, pull, repository_node(desk, repository)),
        repository,
        pull,
    )


def _find_in_pull(
    desk: Desk, repository: Repository, pull: PullRequest, kind: str, number: int
) -> Found | None:
    if kind == "PullRequestReview":
        review = next((one for one in pull.reviews if one.id == number), None)
        if review is None:
            return None
        return Found(
            kind, review, lambda: review_node(desk, repository, pull, review), repository, pull
        )
    comment = next((one for one in pull.review_comments if one.id == number), None)
    if comment is None:
        return None
    if kind == "PullRequestReviewComment":
        return Found(
            kind,
            comment,
            lambda: review_comment_node(desk, repository, pull, comment),
            repository,
            pull,
        )
    return Found(
        kind, comment, lambda: thread_node(desk, repository, pull, comment), repository, pull
    )
