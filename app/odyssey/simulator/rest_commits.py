"""Commits and the comparison of two."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Scope, access
from odyssey.simulator.comparing import compare
from odyssey.simulator.errors import ApiError, not_found
from odyssey.simulator.pagination import link_header, page_size, paged
from odyssey.simulator.views_git import commit_view, file_view
from odyssey.simulator.views_pulls import pull_simple
from odyssey.simulator.views_repositories import repository_page, repository_url

router = APIRouter()
Reads = Annotated[Scope, Depends(access("contents", "read"))]
ReadsPulls = Annotated[Scope, Depends(access("pull_requests", "read"))]
# Without paging a comparison lists this many commits and files.
_MOST_COMMITS, _MOST_FILES = 250, 300


@router.get("/repos/{owner}/{repo}/compare/{basehead:path}")
async def compare_commits(basehead: str, scope: Reads) -> Response:
    """Compare two commits, `BASE...HEAD`."""
    base_name, dots, head_name = basehead.partition("...")
    git = scope.simulator.git(scope.repository)
    base = git.find_commit(base_name.rpartition(":")[2])
    head = git.find_commit(head_name.rpartition(":")[2])
    if not dots or base is None or head is None:
        raise not_found()
    found = compare(scope.repository, base, head)
    if found.merge_base is None:
        raise ApiError(404, f"No common ancestor between {base_name} and {head_name}.")
    api = repository_url(scope.simulator, scope.repository)
    page = f"{repository_page(scope.simulator, scope.repository)}/compare/{basehead}"
    is_paged = {"page", "per_page"} & scope.request.query_params.keys()
    commits, links = list(found.commits[:_MOST_COMMITS]), {}
    number = max(1, int(scope.request.query_params.get("page", "1") or 1))
    if is_paged:
        size = page_size(scope.request)
        commits = list(found.commits[(number - 1) * size : number * size])
        if len(found.commits) > number * size:
            links = {"next": {"page": str(number + 1)}}
    files = found.changes[:_MOST_FILES] if number == 1 else ()
    body = {
        "url": f"{api}/compare/{basehead}",
        "html_url": page,
        "permalink_url": f"{page}#permalink",
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": _shown(scope, base),
        "merge_base_commit": _shown(scope, found.merge_base),
        "status": found.status,
        "ahead_by": len(found.commits),
        "behind_by": found.behind_by,
        "total_commits": len(found.commits),
        "commits": [commit_view(scope.simulator, scope.repository, c) for c in commits],
        "files": [file_view(scope.simulator, scope.repository, c, head) for c in files],
    }
    return JSONResponse(body, headers=link_header(scope.request, links))


@router.get("/repos/{owner}/{repo}/commits")
async def list_commits(scope: Reads) -> Response:
    """List commits, newest first, from `sha` (a branch or SHA), touching `path` if given."""
    query = scope.request.query_params
    git = scope.simulator.git(scope.repository)
    start = git.find_commit(query.get("sha") or scope.repository.default_branch)
    if start is None:
        raise ApiError(409, "Git Repository is empty.") if not git.refs() else not_found()
    commits = git.log(start, reverse=False)
    path = query.get("path")
    if path:
        touching = set(git.text("rev-list", start, "--", path).split())
        commits = [commit for commit in commits if commit.sha in touching]
    return paged(
        scope.request, commits, lambda c: commit_view(scope.simulator, scope.repository, c)
    )


@router.get("/repos/{owner}/{repo}/commits/{commit_sha}/pulls")
async def list_pulls_of_commit(commit_sha: str, scope: ReadsPulls) -> Response:
    """List pull requests associated with a commit."""
    found = [
        pull
        for pull in scope.repository.pulls.values()
        if commit_sha == pull.merge_commit_sha
        or any(
            c.sha == commit_sha
            for c in compare(scope.repository, pull.base_sha, pull.head_sha).commits
        )
    ]
    return paged(scope.request, found, lambda p: pull_simple(scope.simulator, scope.repository, p))


@router.get("/repos/{owner}/{repo}/commits/{ref:path}")
async def get_commit(ref: str, scope: Reads) -> Response:
    """Get a commit by SHA, branch or tag, with its files; only the SHA with `...sha` accepted."""
    git = scope.simulator.git(scope.repository)
    sha = git.find_commit(ref)
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {ref}")
    if "sha" in scope.request.headers.get("accept", "").split("."):
        return Response(sha, media_type="application/vnd.github.sha")
    shown = commit_view(scope.simulator, scope.repository, git.commit(sha), with_files=True)
    return JSONResponse(shown)


def _shown(scope: Scope, sha: str) -> dict[str, object]:
    commit = scope.simulator.git(scope.repository).commit(sha)
    return commit_view(scope.simulator, scope.repository, commit)
