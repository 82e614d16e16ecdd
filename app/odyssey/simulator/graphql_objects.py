"""Repositories, issues and comments as the GraphQL API shows them, and who may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from odyssey.simulator.auth import Caller
from odyssey.simulator.graphql_connections import Node, NotBuilt, Refusal, connection
from odyssey.simulator.graphql_git import account, git_object, ref
from odyssey.simulator.ids import node_id, optional_timestamp, timestamp
from odyssey.simulator.permissions import role_of
from odyssey.simulator.state import Comment, Issue, Label, PullRequest, Repository
from odyssey.simulator.views_issues import association, issue_page
from odyssey.simulator.views_repositories import repository_page

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


def repository_node(desk: Desk, repository: Repository) -> Node:
    """
    A `Repository`.
    """
    from odyssey.simulator.graphql_pulls import pull_node

    simulator = desk.simulator

    def object_(expression: str | None = None, oid: str | None = None) -> Node | None:
        desk.need(repository, READ_CODE)
        return git_object(simulator, repository, expression or oid or "")

    def named_ref(qualifiedName: str) -> Node | None:  # noqa: N803  GitHub's argument
        desk.need(repository, READ_CODE)
        wanted = (qualifiedName, f"refs/heads/{qualifiedName}", f"refs/tags/{qualifiedName}")
        found = (ref(simulator, repository, name) for name in wanted if name.startswith("refs/"))
        return next((one for one in found if one), None)

    def refs(refPrefix: str, **page: Any) -> Node:  # noqa: N803  GitHub's argument
        desk.need(repository, READ_CODE)
        names = sorted(simulator.git(repository).refs(refPrefix))
        resolve = connection("refs", names, lambda name: ref(simulator, repository, name))
        return resolve(**_paging("refs", page))

    def issue(number: int) -> Node:
        desk.need(repository, READ_ISSUES)
        found = repository.issues.get(number)
        if found is None or found.pull is not None:
            raise _no("Issue", number)
        return issue_node(desk, repository, found)

    def issues(states: list[str] | None = None, **page: Any) -> Node:
        desk.need(repository, READ_ISSUES)
        found = [
            one
            for one in repository.issues.values()
            if one.pull is None and (not states or one.state.upper() in states)
        ]
        resolve = connection("issues", found, lambda one: issue_node(desk, repository, one))
        return resolve(**_paging("issues", page))

    def pull(number: int) -> Node:
        desk.need(repository, READ_PULLS)
        found = repository.pulls.get(number)
        if found is None:
            raise _no("PullRequest", number)
        return pull_node(desk, repository, (desk.stale and found.previous) or found)

    def pulls(
        states: list[str] | None = None,
        headRefName: str | None = None,  # noqa: N803  GitHub's argument
        baseRefName: str | None = None,  # noqa: N803  GitHub's argument
        **page: Any,
    ) -> Node:
        desk.need(repository, READ_PULLS)
        found = [
            one
            for one in repository.pulls.values()
            if (not states or pull_state(one) in states)
            and headRefName in (None, one.head_branch)
            and baseRefName in (None, one.base_branch)
        ]
        resolve = connection("pullRequests", found, lambda one: pull_node(desk, repository, one))
        return resolve(**_paging("pullRequests", page))

    caller = desk.caller
    role = role_of(caller.actor, repository) if caller.kind == "user" else "none"
    return {
        "__typename": "Repository",
        "id": node_id("Repository", repository.id),
        "databaseId": repository.id,
        "name": repository.name,
        "nameWithOwner": repository.full_name,
        "owner": account(simulator, repository.owner),
        "url": repository_page(simulator, repository),
        "description": repository.description,
        "isArchived": repository.archived,
        "isFork": False,
        "isPrivate": repository.private,
        "isEmpty": lambda: not simulator.git(repository).refs(),
        "autoMergeAllowed": False,
        "deleteBranchOnMerge": repository.delete_branch_on_merge,
        "mergeCommitAllowed": repository.allow_merge_commit,
        "rebaseMergeAllowed": repository.allow_rebase_merge,
        "squashMergeAllowed": repository.allow_squash_merge,
        "viewerPermission": None if role == "none" else role.upper(),
        "createdAt": timestamp(repository.created_at),
        "updatedAt": timestamp(repository.updated_at),
        "pushedAt": timestamp(repository.pushed_at),
        "defaultBranchRef": lambda: ref(
            simulator, repository, f"refs/heads/{repository.default_branch}"
        ),
        "object": object_,
        "ref": named_ref,
        "refs": refs,
        "issue": issue,
        "issues": issues,
        "pullRequest": pull,
        "pullRequests": pulls,
    }


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
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body or "",
        "url": issue_page(desk.simulator, repository, issue),
        "locked": issue.locked,
        "activeLockReason": lock.upper().replace(" ", "_").replace("-", "_") if lock else None,
        "createdAt": timestamp(issue.created_at),
        "updatedAt": timestamp(issue.updated_at),
        "closed": issue.state == "closed",
        "closedAt": optional_timestamp(issue.closed_at),
        "author": account(desk.simulator, issue.user),
        "authorAssociation": association(repository, issue.user),
        "comments": lambda **page: by_comments(**_paging("comments", page)),
        # The order by creation is the default of the schema and always passed.
        "labels": lambda orderBy=None, **page: by_labels(**_paging("labels", page)),
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


def _no(kind: str, number: int) -> Refusal:
    return Refusal("NOT_FOUND", f"Could not resolve to {_article(kind)} with the number of {number}.")


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "AEIOU" else f"a {kind}"


def _paging(name: str, page: dict[str, Any]) -> dict[str, Any]:
    """
    The bounds in *page*; another argument is one that is not served here.
    """
    unknown = {key for key, value in page.items() if value is not None}
    unknown -= {"first", "last", "after", "before"}
    if unknown:
        raise NotBuilt(f"argument {', '.join(sorted(unknown))} of `{name}`")
    return {key: page.get(key) for key in ("first", "last", "after", "before")}
