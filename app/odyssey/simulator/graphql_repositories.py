"""Repositories as the GraphQL API shows them."""

from __future__ import annotations

from typing import Any

from odyssey.simulator.graphql_connections import Node, NotBuilt, Refusal, connection, paging
from odyssey.simulator.graphql_git import account, git_object, ref
from odyssey.simulator.graphql_objects import (
    READ_CODE,
    READ_ISSUES,
    READ_PULLS,
    Desk,
    issue_node,
    pull_state,
)
from odyssey.simulator.graphql_pulls import pull_node
from odyssey.simulator.ids import node_id, timestamp
from odyssey.simulator.permissions import role_of
from odyssey.simulator.state import Repository
from odyssey.simulator.views_repositories import repository_page


def repository_node(desk: Desk, repository: Repository) -> Node:
    """
    A `Repository`.
    """
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
        return resolve(**paging("refs", page))

    def issue(number: int) -> Node:
        desk.need(repository, READ_ISSUES)
        found = repository.issues.get(number)
        if found is None or found.pull is not None:
            raise _missing("Issue", number)
        return issue_node(desk, repository, found)

    def issues(
        states: list[str] | None = None,
        labels: list[str] | None = None,
        orderBy: Node | None = None,  # noqa: N803  GitHub's argument
        **page: Any,
    ) -> Node:
        desk.need(repository, READ_ISSUES)
        found = [
            one
            for one in repository.issues.values()
            if one.pull is None
            and (not states or one.state.upper() in states)
            and (not labels or {each.name for each in one.labels} & set(labels))
        ]
        if orderBy == {"field": "CREATED_AT", "direction": "DESC"}:
            found.reverse()
        elif orderBy is not None:
            raise NotBuilt("argument orderBy of `issues`")
        resolve = connection("issues", found, lambda one: issue_node(desk, repository, one))
        return resolve(**paging("issues", page))

    def pull(number: int) -> Node:
        desk.need(repository, READ_PULLS)
        found = repository.pulls.get(number)
        if found is None:
            raise _missing("PullRequest", number)
        return pull_node(desk, repository, (desk.stale and found.previous) or found, shown)

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
        resolve = connection(
            "pullRequests", found, lambda one: pull_node(desk, repository, one, shown)
        )
        return resolve(**paging("pullRequests", page))

    caller = desk.caller
    role = role_of(caller.actor, repository) if caller.kind == "user" else "none"
    shown: Node = {
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
    return shown


def _missing(kind: str, number: int) -> Refusal:
    article = "an" if kind[0] in "AEIOU" else "a"
    return Refusal(
        "NOT_FOUND", f"Could not resolve to {article} {kind} with the number of {number}."
    )
