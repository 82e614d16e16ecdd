"""createCommitOnBranch: one signed commit on a branch whose head the caller names."""

from __future__ import annotations

import base64
import binascii

from odyssey.simulator.errors import ApiError
from odyssey.simulator.git import Git
from odyssey.simulator.graphql_connections import Node, Refusal
from odyssey.simulator.graphql_git import commit, ref
from odyssey.simulator.graphql_objects import Desk
from odyssey.simulator.ids import parse_node_id
from odyssey.simulator.moving import apply_update
from odyssey.simulator.pushes import RefUpdate
from odyssey.simulator.refusals import judge
from odyssey.simulator.state import Repository

WRITE_CODE = (("contents", "write"),)
# NOTE: the type for classic protection and for the rest is what people report
# (https://github.com/Thinkmill/keystatic/issues/1598); GitHub documents neither.
_KIND_OF = {"GH006": "BRANCH_PROTECTION_RULE_VIOLATION", "GH013": "UNPROCESSABLE"}


def create_commit_on_branch(desk: Desk, sent: Node) -> Node:
    """
    Commits file changes on top of `expectedHeadOid`, in one step or not at all.

    The author is the caller, the commit is GitHub's own and therefore signed; files lose their
    executable bit, as on GitHub. Refused with STALE_DATA when the branch is elsewhere.
    """
    repository, full_name = _branch(desk, sent["branch"])
    desk.need(repository, WRITE_CODE)
    if repository.archived:
        raise Refusal("UNPROCESSABLE", "Repository was archived so is read-only.")
    simulator = desk.simulator
    git = simulator.git(repository)
    head, expected = git.find_ref(full_name), sent["expectedHeadOid"]
    if head is None:
        raise Refusal("NOT_FOUND", f"Could not resolve to a Ref with the name '{full_name}'.")
    if head != expected:
        raise _stale(expected)
    made = git.commit_files(
        _files(git, head, sent.get("fileChanges") or {}),
        parent=head,
        message=_message(sent["message"]),
        author=desk.caller.actor,
        when=simulator.clock(),
    )
    update = RefUpdate(full_name, head, made)
    refusal = judge(repository, desk.caller, update)
    if refusal is not None:
        raise Refusal(_KIND_OF.get(refusal.code, "FORBIDDEN"), refusal.api_text)
    repository.verified_commits.add(made)
    try:
        apply_update(simulator, repository, desk.caller, update)
    except ApiError as error:
        raise _stale(expected) from error
    return {
        "commit": lambda: commit(simulator, repository, made),
        "ref": lambda: ref(simulator, repository, full_name),
    }


def _branch(desk: Desk, named: Node) -> tuple[Repository, str]:
    """
    The repository and full ref name that a `CommittableBranch` stands for.
    """
    identifier, owner_and_name = named.get("id"), named.get("repositoryNameWithOwner")
    name = named.get("branchName")
    if identifier is not None:
        kind, _, key = ":".join(parse_node_id(identifier) or ()).partition(":")
        number, _, full_name = key.partition(":")
        repositories = desk.simulator.state.repositories
        found = repositories.get(int(number)) if number.isdecimal() else None
        if kind != "Ref" or found is None or not desk.caller.sees(found):
            raise Refusal(
                "NOT_FOUND", f"Could not resolve to a node with the global id of '{identifier}'."
            )
        return found, full_name
    if not owner_and_name or not name:
        raise Refusal(
            "UNPROCESSABLE",
            "A branch is named by its id, or by repositoryNameWithOwner and branchName.",
        )
    owner, _, repository = owner_and_name.partition("/")
    short = name.removeprefix("refs/heads/")
    return desk.find_repository(owner, repository), f"refs/heads/{short}"


def _files(git: Git, head: str, changes: Node) -> dict[str, bytes | None]:
    files: dict[str, bytes | None] = {}
    for deletion in changes.get("deletions") or ():
        path = _checked(deletion["path"])
        if git.find_entry(head, path) is None:
            raise Refusal(
                "UNPROCESSABLE",
                "A path was requested for deletion which does not exist as of commit oid "
                f"`{head}`: {path}",
            )
        files[path] = None
    for addition in changes.get("additions") or ():
        path = _checked(addition["path"])
        try:
            files[path] = base64.b64decode(addition["contents"], validate=True)
        except binascii.Error as error:
            raise Refusal("UNPROCESSABLE", f"The contents of {path} are not Base64.") from error
    return files


def _checked(path: str) -> str:
    parts = path.split("/")
    forbidden = {"", ".", ".."}
    if forbidden & set(parts) or any(part.lower() == ".git" for part in parts) or "\0" in path:
        raise Refusal("UNPROCESSABLE", f"The path {path!r} is not one that git can hold.")
    return path


def _message(message: Node) -> str:
    body = message.get("body")
    headline: str = message["headline"]
    return f"{headline}\n\n{body}" if body else headline


def _stale(expected: str) -> Refusal:
    # https://github.com/ministryofjustice/modernisation-platform/issues/11985; two spaces are meant
    return Refusal(
        "STALE_DATA",
        f'Expected branch to point to "{expected}" but it did not.  Pull and try again.',
    )
