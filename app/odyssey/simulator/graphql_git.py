"""Git objects and refs as the GraphQL API shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from odyssey.simulator.git import Commit, Signature, TreeEntry
from odyssey.simulator.graphql_connections import Node, connection
from odyssey.simulator.ids import node_id, timestamp
from odyssey.simulator.state import Repository, User
from odyssey.simulator.views_git import account_of
from odyssey.simulator.views_repositories import repository_page

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

# NOTE: GitHub cuts the text of larger blobs but documents no figure; this is what people see.
LONGEST_TEXT = 512_000


def account(simulator: Simulator, user: User | None) -> Node | None:
    """
    An `Actor`. The login of a bot has no `[bot]` here, unlike in the REST API.
    """
    if user is None:
        return None
    bot = user.kind == "Bot"
    login = user.login.removesuffix("[bot]")
    return {
        "__typename": user.kind,
        "id": node_id("User", user.id),
        "databaseId": user.id,
        "login": login,
        "name": user.name,
        "url": f"{simulator.web_url}/{'apps/' if bot else ''}{login}",
    }


def git_object(simulator: Simulator, repository: Repository, name: str) -> Node | None:
    """
    What *name* (a SHA, or a revision such as `main:docs/readme.md`) stands for, or None.
    """
    if not name or name.startswith("-"):
        return None
    git = simulator.git(repository)
    found = git.attempt("rev-parse", "--verify", "--quiet", name)
    oid = found.stdout.decode().strip()
    if found.returncode != 0:
        return None
    match git.type_of(oid):
        case "blob":
            return _blob(simulator, repository, oid)
        case "tree":
            return _tree(simulator, repository, oid)
        case "commit":
            return commit(simulator, repository, oid)
        case "tag":
            return git_object(simulator, repository, f"{oid}^{{}}")
        case _:
            return None


def commit(simulator: Simulator, repository: Repository, oid: str) -> Node:
    """
    The `Commit` called *oid*, which must exist.
    """
    found = simulator.git(repository).commit(oid)
    headline, _, rest = found.message.partition("\n")
    return {
        **_identity("Commit", repository, oid),
        "message": found.message,
        "messageHeadline": headline,
        "messageBody": rest.strip("\n"),
        "url": f"{repository_page(simulator, repository)}/commit/{oid}",
        "authoredDate": _utc(found.author),
        "committedDate": _utc(found.committer),
        "author": _actor(simulator, found.author),
        "committer": _actor(simulator, found.committer),
        "tree": lambda: _tree(simulator, repository, found.tree),
        "file": lambda *, path: _file(simulator, repository, oid, path),
        "parents": connection(
            "parents", found.parents, lambda parent: commit(simulator, repository, parent)
        ),
    }


def pull_request_commit(
    simulator: Simulator, repository: Repository, found: Commit, *, checks: Callable[[], Any]
) -> Node:
    """
    A `PullRequestCommit`: a commit in its place in a pull request, with its *checks*.
    """
    return {
        "id": node_id("PullRequestCommit", found.sha),
        "commit": lambda: {
            **commit(simulator, repository, found.sha),
            "statusCheckRollup": checks,
        },
    }


def ref(simulator: Simulator, repository: Repository, full_name: str) -> Node | None:
    """
    The `Ref` called *full_name* (`refs/heads/main`), or None.
    """
    oid = simulator.git(repository).find_ref(full_name)
    if oid is None:
        return None
    prefix = "/".join(full_name.split("/")[:2]) + "/"
    return {
        "id": node_id("Ref", f"{repository.id}:{full_name}"),
        "name": full_name.removeprefix(prefix),
        "prefix": prefix,
        "target": lambda: git_object(simulator, repository, oid),
    }


def _identity(kind: str, repository: Repository, oid: str) -> Node:
    identifier = node_id(kind, oid if kind == "Commit" else f"{repository.id}:{oid}")
    return {"__typename": kind, "id": identifier, "oid": oid, "abbreviatedOid": oid[:7]}


def _blob(simulator: Simulator, repository: Repository, oid: str) -> Node:
    content = simulator.git(repository).read_blob(oid)
    binary = b"\0" in content[:8000]  # git's own rule
    return {
        **_identity("Blob", repository, oid),
        "byteSize": len(content),
        "isBinary": binary,
        "isTruncated": not binary and len(content) > LONGEST_TEXT,
        "text": None if binary else content[:LONGEST_TEXT].decode(errors="replace"),
    }


def _file(simulator: Simulator, repository: Repository, commit_sha: str, path: str) -> Node | None:
    entry = simulator.git(repository).find_entry(commit_sha, path)
    return _entry(simulator, repository, entry) if entry else None


def _entry(simulator: Simulator, repository: Repository, entry: TreeEntry) -> Node:
    return {
        "mode": int(entry.mode, 8),
        "name": entry.path.rpartition("/")[2],
        "oid": entry.sha,
        "path": entry.path,
        "type": entry.type,
        "object": lambda: git_object(simulator, repository, entry.sha),
    }


def _tree(simulator: Simulator, repository: Repository, oid: str) -> Node:
    def entries() -> list[Node]:
        return [
            _entry(simulator, repository, entry) for entry in simulator.git(repository).tree(oid)
        ]

    return {**_identity("Tree", repository, oid), "entries": entries}


def _actor(simulator: Simulator, signature: Signature) -> Node:
    def user() -> Any:
        found = account_of(simulator, signature)
        # `GitActor.user` is a User: a bot is none.
        return account(simulator, found) if found and found.kind == "User" else None

    return {
        "name": signature.name,
        "email": signature.email,
        "date": signature.date,
        "user": user,
    }


def _utc(signature: Signature) -> str:
    return timestamp(datetime.fromisoformat(signature.date))
