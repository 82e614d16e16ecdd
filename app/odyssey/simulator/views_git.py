"""Commits, file changes and refs as the API and the webhooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from odyssey.simulator.diffs import FileChange, diff
from odyssey.simulator.git import Commit, Signature
from odyssey.simulator.ids import node_id
from odyssey.simulator.state import Json, Repository, User
from odyssey.simulator.views_accounts import optional_user
from odyssey.simulator.views_repositories import repository_page, repository_url

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator


def account_of(simulator: Simulator, signature: Signature) -> User | None:
    """The account whose no-reply address a commit carries."""
    for user in simulator.state.users.values():
        if user.email.lower() == signature.email.lower():
            return user
    return None


def verification(repository: Repository, sha: str) -> Json:
    """The `verification` schema: GitHub signs what it makes for a bot, nothing else is signed."""
    signed = sha in repository.verified_commits
    return {
        "verified": signed,
        "reason": "valid" if signed else "unsigned",
        "signature": "-----BEGIN PGP SIGNATURE-----" if signed else None,
        "payload": f"tree of {sha}" if signed else None,
        "verified_at": None,
    }


def _person(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": signature.date}


def commit_view(
    simulator: Simulator, repository: Repository, commit: Commit, *, with_files: bool = False
) -> Json:
    """The `commit` schema; with statistics and files for a single commit."""
    base = repository_url(simulator, repository)
    page = repository_page(simulator, repository)
    url = f"{base}/commits/{commit.sha}"
    shown: Json = {
        "url": url,
        "sha": commit.sha,
        "node_id": node_id("Commit", commit.sha),
        "html_url": f"{page}/commit/{commit.sha}",
        "comments_url": f"{url}/comments",
        "commit": {
            "url": f"{base}/git/commits/{commit.sha}",
            "author": _person(commit.author),
            "committer": _person(commit.committer),
            "message": commit.message,
            "comment_count": 0,
            "tree": {"sha": commit.tree, "url": f"{base}/git/trees/{commit.tree}"},
            "verification": verification(repository, commit.sha),
        },
        "author": optional_user(simulator, account_of(simulator, commit.author)),
        "committer": optional_user(simulator, account_of(simulator, commit.committer)),
        "parents": [
            {
                "sha": parent,
                "url": f"{base}/commits/{parent}",
                "html_url": f"{page}/commit/{parent}",
            }
            for parent in commit.parents
        ],
    }
    if with_files:
        parent = commit.parents[0] if commit.parents else None
        changes = diff(simulator.git(repository), parent, commit.sha)
        added, deleted = sum(c.additions for c in changes), sum(c.deletions for c in changes)
        shown["stats"] = {"total": added + deleted, "additions": added, "deletions": deleted}
        shown["files"] = [file_view(simulator, repository, c, commit.sha) for c in changes]
    return shown


def git_commit_view(simulator: Simulator, repository: Repository, commit: Commit) -> Json:
    """The `git-commit` schema of the Git database API."""
    base = repository_url(simulator, repository)
    page = repository_page(simulator, repository)
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", commit.sha),
        "url": f"{base}/git/commits/{commit.sha}",
        "html_url": f"{page}/commit/{commit.sha}",
        "author": _person(commit.author),
        "committer": _person(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{base}/git/trees/{commit.tree}"},
        "parents": [
            {
                "sha": parent,
                "url": f"{base}/git/commits/{parent}",
                "html_url": f"{page}/commit/{parent}",
            }
            for parent in commit.parents
        ],
        "verification": verification(repository, commit.sha),
    }


def file_view(
    simulator: Simulator, repository: Repository, change: FileChange, head_sha: str
) -> Json:
    """The `diff-entry` schema."""
    base = repository_url(simulator, repository)
    page = repository_page(simulator, repository)
    path = quote(change.path)
    shown: Json = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{page}/blob/{head_sha}/{path}",
        "raw_url": f"{page}/raw/{head_sha}/{path}",
        "contents_url": f"{base}/contents/{path}?ref={head_sha}",
    }
    if change.patch is not None:
        shown["patch"] = change.patch
    if change.previous_path is not None:
        shown["previous_filename"] = change.previous_path
    return shown


def ref_view(simulator: Simulator, repository: Repository, ref: str, sha: str) -> Json:
    """The `git-ref` schema; *ref* is the full name."""
    base = repository_url(simulator, repository)
    kind = simulator.git(repository).type_of(sha) or "commit"
    return {
        "ref": ref,
        "node_id": node_id("Ref", f"{repository.id}:{ref}"),
        "url": f"{base}/git/{ref}",
        "object": {"sha": sha, "type": kind, "url": f"{base}/git/{kind}s/{sha}"},
    }


def push_commit(simulator: Simulator, repository: Repository, commit: Commit) -> Json:
    """One commit in the `push` payload, with the names of the files it touched."""
    parent = commit.parents[0] if commit.parents else None
    changes = diff(simulator.git(repository), parent, commit.sha)
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": commit.committer.date,
        "url": f"{repository_page(simulator, repository)}/commit/{commit.sha}",
        "author": _pusher(simulator, commit.author),
        "committer": _pusher(simulator, commit.committer),
        "added": [c.path for c in changes if c.status in ("added", "renamed", "copied")],
        "removed": [
            c.previous_path or c.path for c in changes if c.status in ("removed", "renamed")
        ],
        "modified": [c.path for c in changes if c.status in ("modified", "changed")],
    }


def _pusher(simulator: Simulator, signature: Signature) -> Json:
    account = account_of(simulator, signature)
    shown: Json = {"name": signature.name, "email": signature.email, "date": signature.date}
    if account is not None:
        shown["username"] = account.login
    return shown
