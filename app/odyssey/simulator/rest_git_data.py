"""The Git database: refs, blobs, trees and commits."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError, invalid, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.git import ZERO, GitError, Signature, TreeEntry, signature, web_flow
from odyssey.simulator.ids import node_id
from odyssey.simulator.moving import move_ref
from odyssey.simulator.pagination import paged
from odyssey.simulator.pushes import RefUpdate
from odyssey.simulator.state import Json
from odyssey.simulator.views_git import git_commit_view, ref_view
from odyssey.simulator.views_repositories import repository_url

router = APIRouter()
Reads = Annotated[Scope, Depends(access("contents", "read"))]
Writes = Annotated[Scope, Depends(access("contents", "write"))]
Sent = Annotated[Fields, Depends(fields_of)]
_GIT = "/repos/{owner}/{repo}/git"
MODES = ("100644", "100755", "040000", "160000", "120000")
# A recursive tree stops here and says `truncated`: https://docs.github.com/rest/git/trees
MOST_ENTRIES = 100_000


@router.get(_GIT + "/ref/{ref:path}")
async def get_ref(ref: str, scope: Reads) -> Response:
    """Get a reference; *ref* is `heads/...` or `tags/...`."""
    sha = scope.simulator.git(scope.repository).find_ref(f"refs/{ref}")
    if sha is None:
        raise not_found()
    return JSONResponse(ref_view(scope.simulator, scope.repository, f"refs/{ref}", sha))


@router.get(_GIT + "/matching-refs/{ref:path}")
async def list_matching_refs(ref: str, scope: Reads) -> Response:
    """List matching references: those whose name begins with *ref*."""
    known = scope.simulator.git(scope.repository).refs("refs/")
    found = [(name, sha) for name, sha in known.items() if name.startswith(f"refs/{ref}")]
    return paged(
        scope.request, found, lambda pair: ref_view(scope.simulator, scope.repository, *pair)
    )


@router.post(_GIT + "/refs")
async def create_ref(scope: Writes, sent: Sent) -> Response:
    """Create a reference."""
    ref, sha = sent.text("ref"), sent.text("sha")
    git = scope.simulator.git(scope.repository)
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise ApiError(422, "Reference name must start with 'refs/' and contain at least 2 slashes")
    if git.attempt("check-ref-format", ref).returncode != 0:
        raise ApiError(422, "Reference name is not valid")
    if git.type_of(sha) is None:
        raise ApiError(422, "Object does not exist")
    if git.find_ref(ref) is not None:
        raise ApiError(422, "Reference already exists")
    move_ref(scope.simulator, scope.repository, scope.caller, RefUpdate(ref, ZERO, sha))
    shown = ref_view(scope.simulator, scope.repository, ref, sha)
    return JSONResponse(shown, status_code=201, headers={"location": shown["url"]})


@router.patch(_GIT + "/refs/{ref:path}")
async def update_ref(ref: str, scope: Writes, sent: Sent) -> Response:
    """Update a reference; without force only forward."""
    name, sha = f"refs/{ref}", sent.text("sha")
    git = scope.simulator.git(scope.repository)
    before = git.find_ref(name)
    if before is None:
        raise ApiError(422, "Reference does not exist")
    if git.type_of(sha) is None:
        raise ApiError(422, "Object does not exist")
    if not sent.flag("force") and not git.is_ancestor(before, sha):
        raise ApiError(422, "Update is not a fast forward")
    if before != sha:
        move_ref(scope.simulator, scope.repository, scope.caller, RefUpdate(name, before, sha))
    return JSONResponse(ref_view(scope.simulator, scope.repository, name, sha))


@router.delete(_GIT + "/refs/{ref:path}")
async def delete_ref(ref: str, scope: Writes) -> Response:
    """Delete a reference."""
    name = f"refs/{ref}"
    before = scope.simulator.git(scope.repository).find_ref(name)
    if before is None:
        raise ApiError(422, "Reference does not exist")
    move_ref(scope.simulator, scope.repository, scope.caller, RefUpdate(name, before, ZERO))
    return Response(status_code=204)


@router.post(_GIT + "/blobs")
async def create_blob(scope: Writes, sent: Sent) -> Response:
    """Create a blob."""
    content = sent.text("content")
    if sent.choice("encoding", ("utf-8", "base64"), default="utf-8") == "base64":
        raw = decoded(content)
    else:
        raw = content.encode()
    sha = scope.simulator.git(scope.repository).write_blob(raw)
    url = f"{repository_url(scope.simulator, scope.repository)}/git/blobs/{sha}"
    return JSONResponse({"url": url, "sha": sha}, status_code=201, headers={"location": url})


@router.get(_GIT + "/blobs/{sha}")
async def get_blob(sha: str, scope: Reads) -> Response:
    """Get a blob, base64; raw when the Accept header asks so."""
    git = scope.simulator.git(scope.repository)
    if git.type_of(sha) != "blob":
        raise not_found()
    content = git.read_blob(sha)
    if "raw" in scope.request.headers.get("accept", ""):
        return Response(content, media_type="application/vnd.github.raw+json")
    body = {
        "sha": sha,
        "node_id": node_id("Blob", sha),
        "size": len(content),
        "url": f"{repository_url(scope.simulator, scope.repository)}/git/blobs/{sha}",
        "content": base64.encodebytes(content).decode(),
        "encoding": "base64",
    }
    return JSONResponse(body)


@router.post(_GIT + "/trees")
async def create_tree(scope: Writes, sent: Sent) -> Response:
    """Create a tree; an entry whose `sha` is null is deleted from the base tree."""
    git = scope.simulator.git(scope.repository)
    base = sent.find_text("base_tree")
    if base is not None and git.type_of(base) not in ("tree", "commit"):
        raise not_found()
    changes: list[tuple[str, str, str | None]] = []
    for entry in sent.find_list("tree") or []:
        changes.append(_tree_change(scope, Fields(entry)))
    try:
        sha = git.write_tree(base, changes)
    except GitError as error:
        raise ApiError(422, "GitRPC::BadObjectState") from error
    shown = _tree_view(scope, sha, git.tree(sha), truncated=False)
    return JSONResponse(shown, status_code=201, headers={"location": shown["url"]})


@router.get(_GIT + "/trees/{tree_sha:path}")
async def get_tree(tree_sha: str, scope: Reads) -> Response:
    """Get a tree by the SHA of it or of a commit, or by a ref name."""
    git = scope.simulator.git(scope.repository)
    name = tree_sha if git.type_of(tree_sha) in ("tree", "commit") else git.find_commit(tree_sha)
    if name is None:
        raise not_found()
    sha = git.text("rev-parse", f"{name}^{{tree}}")
    is_recursive = "recursive" in scope.request.query_params
    entries = git.tree(sha, recursive=is_recursive)
    truncated = len(entries) > MOST_ENTRIES
    return JSONResponse(_tree_view(scope, sha, entries[:MOST_ENTRIES], truncated=truncated))


@router.post(_GIT + "/commits")
async def create_commit(scope: Writes, sent: Sent) -> Response:
    """Create a commit; signed by GitHub only when a bot leaves author and committer out."""
    git = scope.simulator.git(scope.repository)
    tree, message = sent.text("tree"), sent.text("message")
    parents = [str(parent) for parent in sent.find_list("parents") or []]
    if git.type_of(tree) != "tree":
        raise ApiError(422, "Tree SHA does not exist")
    if any(git.type_of(parent) != "commit" for parent in parents):
        raise ApiError(422, "Parent SHA does not exist or is not a commit object")
    now = scope.simulator.clock()
    own = signature(scope.caller.actor, now)
    author = _signature(sent.find_object("author"), own)
    committer = _signature(sent.find_object("committer"), author)
    is_signed = (
        scope.caller.kind == "installation"
        and not {"author", "committer", "signature"} & sent.values.keys()
    )
    sha = git.commit_tree(
        tree,
        parents,
        message,
        author=author,
        committer=web_flow(now) if is_signed else committer,
    )
    if is_signed:
        scope.repository.verified_commits.add(sha)
    shown = git_commit_view(scope.simulator, scope.repository, git.commit(sha))
    return JSONResponse(shown, status_code=201, headers={"location": shown["url"]})


@router.get(_GIT + "/commits/{commit_sha}")
async def get_git_commit(commit_sha: str, scope: Reads) -> Response:
    """Get a commit object."""
    git = scope.simulator.git(scope.repository)
    if git.type_of(commit_sha) != "commit":
        raise not_found()
    shown = git_commit_view(scope.simulator, scope.repository, git.commit(commit_sha))
    return JSONResponse(shown)


def decoded(content: str) -> bytes:
    """*content* from base64; 422 when it is none."""
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(422, "content is not valid Base64") from error


def _tree_change(scope: Scope, entry: Fields) -> tuple[str, str, str | None]:
    path, mode = entry.text("path"), entry.choice("mode", MODES, default="100644")
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise ApiError(422, "tree.path contains a malformed path component")
    if "content" in entry:
        git = scope.simulator.git(scope.repository)
        return mode, path, git.write_blob(entry.text("content").encode())
    if "sha" not in entry:
        raise ApiError(422, "Must supply either tree.sha or tree.content")
    sha = entry.find_text("sha")
    if sha is not None and scope.simulator.git(scope.repository).type_of(sha) is None:
        raise ApiError(422, f"tree.sha {sha} is not a valid object")
    return mode, path, sha


def _tree_view(scope: Scope, sha: str, entries: list[TreeEntry], *, truncated: bool) -> Json:
    base = repository_url(scope.simulator, scope.repository)
    shown: list[dict[str, Any]] = []
    for entry in entries:
        item: dict[str, Any] = {
            "path": entry.path,
            "mode": entry.mode,
            "type": entry.type,
            "sha": entry.sha,
            "url": f"{base}/git/{entry.type}s/{entry.sha}",
        }
        if entry.size is not None:
            item["size"] = entry.size
        shown.append(item)
    return {
        "sha": sha,
        "url": f"{base}/git/trees/{sha}",
        "tree": shown,
        "truncated": truncated,
    }


def _signature(given: dict[str, Any] | None, default: Signature) -> Signature:
    if given is None:
        return default
    sent = Fields(given)
    if "name" not in sent or "email" not in sent:
        raise invalid("Commit", "missing_field", "name")
    return Signature(sent.text("name"), sent.text("email"), sent.find_text("date") or default.date)
