"""Files of a repository, read and written one at a time."""

from __future__ import annotations

import base64
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.git import ZERO, Signature, TreeEntry, signature, web_flow
from odyssey.simulator.moving import move_ref
from odyssey.simulator.pushes import RefUpdate
from odyssey.simulator.rest_git_data import decoded
from odyssey.simulator.state import Json
from odyssey.simulator.views_git import git_commit_view
from odyssey.simulator.views_repositories import repository_page, repository_url

router = APIRouter()
Reads = Annotated[Scope, Depends(access("contents", "read"))]
Writes = Annotated[Scope, Depends(access("contents", "write"))]
Sent = Annotated[Fields, Depends(fields_of)]
_CONTENTS = "/repos/{owner}/{repo}/contents/{path:path}"
_MEGABYTE = 1024 * 1024
_MOST_IN_DIRECTORY = 1000


@router.get("/repos/{owner}/{repo}/contents")
@router.get(_CONTENTS)
async def get_content(scope: Reads, path: str = "") -> Response:
    """Get repository content: a file, or the entries of a directory."""
    git = scope.simulator.git(scope.repository)
    ref = scope.request.query_params.get("ref") or scope.repository.default_branch
    commit = git.find_commit(ref)
    path = path.strip("/")
    if commit is None:
        raise ApiError(404, f"No commit found for the ref {ref}")
    if not path:
        return _directory(scope, commit, ref, "")
    entry = git.find_entry(commit, path)
    if entry is None:
        raise not_found()
    if entry.type == "tree":
        return _directory(scope, commit, ref, path)
    return _file(scope, entry, ref)


@router.put(_CONTENTS)
async def put_content(path: str, scope: Writes, sent: Sent) -> Response:
    """Create or update file contents; an update needs the blob's `sha`."""
    content, message = decoded(sent.text("content")), sent.text("message")
    before, entry, branch = _target(scope, sent, path)
    given = sent.find_text("sha")
    if entry is not None and given is None:
        raise ApiError(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if entry is not None and given != entry.sha:
        raise ApiError(409, f"{path} does not match {given}")
    git = scope.simulator.git(scope.repository)
    mode = entry.mode if entry else "100644"
    new = _commit(scope, sent, before, message, (mode, path, git.write_blob(content)))
    _move(scope, branch, before, new)
    shown = git.find_entry(new, path)
    assert shown is not None
    body = {"content": _entry_view(scope, shown, path, branch), "commit": _commit_view(scope, new)}
    return JSONResponse(body, status_code=200 if entry else 201)


@router.delete(_CONTENTS)
async def delete_content(path: str, scope: Writes, sent: Sent) -> Response:
    """Delete a file."""
    message, given = sent.text("message"), sent.text("sha")
    before, entry, branch = _target(scope, sent, path)
    if entry is None or before is None:
        raise not_found()
    if given != entry.sha:
        raise ApiError(409, f"{path} does not match {given}")
    new = _commit(scope, sent, before, message, (entry.mode, path, None))
    _move(scope, branch, before, new)
    return JSONResponse({"content": None, "commit": _commit_view(scope, new)})


def _directory(scope: Scope, commit: str, ref: str, path: str) -> Response:
    entries = scope.simulator.git(scope.repository).tree(commit, path=path)
    shown = [
        _entry_view(scope, entry, f"{path}/{entry.path}" if path else entry.path, ref)
        for entry in entries[:_MOST_IN_DIRECTORY]
    ]
    return JSONResponse(shown)


def _file(scope: Scope, entry: TreeEntry, ref: str) -> Response:
    content = scope.simulator.git(scope.repository).read_blob(entry.sha)
    if "raw" in scope.request.headers.get("accept", ""):
        return Response(content, media_type="application/vnd.github.raw+json")
    if len(content) > 100 * _MEGABYTE:
        raise ApiError(403, "This API returns blobs up to 100 MB in size.")
    shown = _entry_view(scope, entry, entry.path, ref)
    if entry.mode == "120000":
        shown["target"] = content.decode(errors="replace")
    elif len(content) > _MEGABYTE:
        shown |= {"content": "", "encoding": "none"}
    else:
        shown |= {"content": base64.encodebytes(content).decode(), "encoding": "base64"}
    return JSONResponse(shown)


def _entry_view(scope: Scope, entry: TreeEntry, path: str, ref: str) -> Json:
    base = repository_url(scope.simulator, scope.repository)
    page = repository_page(scope.simulator, scope.repository)
    quoted = quote(path)
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.type, "file")
    if entry.mode == "120000":
        kind = "symlink"
    url = f"{base}/contents/{quoted}?ref={quote(ref)}"
    git_kind = "trees" if entry.type == "tree" else "blobs"
    git_url = f"{base}/git/{git_kind}/{entry.sha}"
    html = f"{page}/{'tree' if kind == 'dir' else 'blob'}/{ref}/{quoted}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry.sha,
        "size": entry.size or 0,
        "url": url,
        "html_url": html,
        "git_url": git_url,
        "download_url": None if kind == "dir" else f"{page}/raw/{ref}/{quoted}",
        "type": kind,
        "_links": {"self": url, "git": git_url, "html": html},
    }


def _target(scope: Scope, sent: Fields, path: str) -> tuple[str | None, TreeEntry | None, str]:
    branch = sent.find_text("branch") or scope.repository.default_branch
    git = scope.simulator.git(scope.repository)
    before = git.find_ref(f"refs/heads/{branch}")
    if before is None and git.refs():
        raise ApiError(404, f"Branch {branch} not found")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/")):
        raise ApiError(422, "path contains a malformed path component")
    return before, git.find_entry(before, path) if before else None, branch


def _commit(
    scope: Scope,
    sent: Fields,
    before: str | None,
    message: str,
    change: tuple[str, str, str | None],
) -> str:
    git = scope.simulator.git(scope.repository)
    now = scope.simulator.clock()
    own = signature(scope.caller.actor, now)
    sha = git.commit_tree(
        git.write_tree(before, [change]),
        [before] if before else [],
        message,
        author=_given(sent.find_object("author"), own),
        committer=_given(sent.find_object("committer"), web_flow(now)),
    )
    if not {"author", "committer"} & sent.values.keys():
        scope.repository.verified_commits.add(sha)
    return sha


def _given(person: dict[str, Any] | None, default: Signature) -> Signature:
    if person is None:
        return default
    sent = Fields(person)
    return Signature(sent.text("name"), sent.text("email"), sent.find_text("date") or default.date)


def _move(scope: Scope, branch: str, before: str | None, new: str) -> None:
    update = RefUpdate(f"refs/heads/{branch}", before or ZERO, new)
    move_ref(scope.simulator, scope.repository, scope.caller, update, refused_status=409)


def _commit_view(scope: Scope, sha: str) -> Json:
    commit = scope.simulator.git(scope.repository).commit(sha)
    return git_commit_view(scope.simulator, scope.repository, commit)
