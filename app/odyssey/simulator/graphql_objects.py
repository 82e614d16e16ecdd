"""Repositories, issues and comments as the GraphQL API shows them, and who may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from odyssey.simulator.auth import Caller
from odyssey.simulator.graphql_connections import Node, NotBuilt, Refusal, connection, paging
from odyssey.simulator.graphql_git import account
from odyssey.simulator.ids import node_id, optional_timestamp, timestamp
from odyssey.simulator.state import Comment, Issue, Label, PullRequest, Repository
from odyssey.simulator.views_issues import association, issue_page

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

READ_CODE = (("contents", "read"),)
READ_ISSUES = (("issues", "read"),)
READ_PULLS = (("pull_requests", "read"), ("contents", "read"))


@dataclass(frozen=True, slots=True)
class Desk:
    """
    One caller's view of the simulator: every object is made for, and judged by, that caller.

    `minimized` are the hidden comments, node id -> reason; it lives as long as the simulator.
    `stale` shows a pull request as it was before its last write (a fault on purpose).
    """

    simulator: Simulator
    caller: Caller
    minimized: dict[str, str] = field(default_factory=dict)
    stale: bool = False

    def need(self, repository: Repository, alternatives: Sequence[tuple[str, str]]) -> None:
        """
        Refuses, as GitHub does, a caller with none of *alternatives* on *repository*.
        """
        if not any(self.caller.has(repository, *one) for one in alternatives):
            raise Refusal("FORBIDDEN", "Resource not accessible by integration")

    def find_repository(self, owner: str, name: str) -> Repository:
        """
        The repository, if the caller may know of it.
        """
        found = self.simulator.state.find_repository(owner, name)
        if found is None or not self.caller.sees(found):
            raise Refusal(
                "NOT_FOUND",
                f"Could not resolve to a Repository with the name '{owner}/{name}'.",
            )
        return found


def issue_node(desk: Desk, repository: Repository, issue: Issue) -> Node:
    """
    An `Issue`.
    """
    reason = issue.state_reason
    return {
        "__typename": "Issue",
        "id": node_id("Issue", issue.id),
        "databaseId": issue.id,
        "state": issue.state.upper(),
        "stateReason": lambda **_: reason.upper() if reason else None,
        **conversation(desk, repository, issue),
    }


def conversation(desk: Desk, repository: Repository, issue: Issue) -> Node:
    """
    The fields that an `Issue` and a `PullRequest` share.
    """
    said = [c for c in repository.comments.values() if c.issue_number == issue.number]
    lock = issue.active_lock_reason
    by_comments = connection("comments", said, lambda one: comment_node(desk, repository, one))
    by_labels = connection("labels", issue.labels, label_node)

    def labels(orderBy: Node | None = None, **page: Any) -> Node:  # noqa: N803  GitHub's argument
        # The schema's default, and how they are kept.
        if orderBy not in (None, {"field": "CREATED_AT", "direction": "ASC"}):
            raise NotBuilt("argument orderBy of `labels`")
        return by_labels(**paging("labels", page))

    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body or "",
        "url": issue_page(desk.simulator, repository, issue),
        "locked": issue.locked,
        "activeLockReason": lock.upper().replace(" ", "_").replace("-", "_") if lock else None,
        "createdAt": timestamp(issue.created_at),
        "updatedAt": timestamp(issue.updated_at),
        "lastEditedAt": optional_timestamp(issue.edited_at),
        "editor": account(desk.simulator, issue.edited_by),
        "closed": issue.state == "closed",
        "closedAt": optional_timestamp(issue.closed_at),
        "author": account(desk.simulator, issue.user),
        "authorAssociation": association(repository, issue.user),
        "comments": lambda **page: by_comments(**paging("comments", page)),
        "labels": labels,
    }


def comment_node(desk: Desk, repository: Repository, comment: Comment) -> Node:
    """
    An `IssueComment`.
    """
    issue = repository.issues[comment.issue_number]
    page = issue_page(desk.simulator, repository, issue)
    edited = comment.updated_at if comment.updated_at != comment.created_at else None
    return {
        "__typename": "IssueComment",
        **hideable(desk, node_id("IssueComment", comment.id)),
        "databaseId": comment.id,
        "body": comment.body,
        "url": f"{page}#issuecomment-{comment.id}",
        "createdAt": timestamp(comment.created_at),
        "updatedAt": timestamp(comment.updated_at),
        "lastEditedAt": optional_timestamp(edited),
        "author": account(desk.simulator, comment.user),
        "authorAssociation": association(repository, comment.user),
    }


def label_node(label: Label) -> Node:
    """
    A `Label`.
    """
    return {
        "id": node_id("Label", label.id),
        "name": label.name,
        "color": label.color,
        "description": label.description,
    }


def hideable(desk: Desk, identifier: str) -> Node:
    """
    `id` and the fields of `Minimizable`.
    """
    reason = desk.minimized.get(identifier)
    return {"id": identifier, "isMinimized": reason is not None, "minimizedReason": reason}


def pull_state(pull: PullRequest) -> str:
    """
    OPEN, CLOSED or MERGED.
    """
    return "MERGED" if pull.merged else pull.issue.state.upper()
