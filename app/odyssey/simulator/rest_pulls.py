"""Pull requests: listed, made, changed; their files and commits; updating their branch."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator import pulling
from odyssey.simulator.auth import Scope, access
from odyssey.simulator.comparing import pull_comparison
from odyssey.simulator.errors import ApiError
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.git import GitError, signature, web_flow
from odyssey.simulator.mergeability import compute, is_current
from odyssey.simulator.moving import move_ref
from odyssey.simulator.pagination import paged
from odyssey.simulator.pushes import RefUpdate
from odyssey.simulator.state import PullRequest
from odyssey.simulator.views_git import commit_view, file_view
from odyssey.simulator.views_pulls import pull_simple, pull_view

router = APIRouter()
_CODE_READ = [("contents", "read")]
Lists = Annotated[Scope, Depends(access("pull_requests", "read"))]
Reads = Annotated[Scope, Depends(access("pull_requests", "read", alternatives=_CODE_READ))]
Writes = Annotated[Scope, Depends(access("pull_requests", "write"))]
Sent = Annotated[Fields, Depends(fields_of)]
# GitHub's limits: https://docs.github.com/rest/pulls/pulls
_MOST_FILES = 3000
_MOST_COMMITS = 250


@router.get("/repos/{owner}/{repo}/pulls")
async def list_pulls(scope: Lists) -> Response:
    """List pull requests: open ones, newest first, unless the query says otherwise."""
    query = scope.request.query_params
    state = query.get("state", "open")
    head, base = query.get("head"), query.get("base")
    found = [
        pull
        for pull in scope.repository.pulls.values()
        if state in ("all", pull.issue.state)
        and (head is None or head == f"{scope.repository.owner.login}:{pull.head_branch}")
        and (base is None or base == pull.base_branch)
    ]
    by_update = query.get("sort") == "updated"
    descending = query.get("direction", "desc" if query.get("sort") in (None, "created") else "asc")
    found.sort(
        key=lambda p: (p.issue.updated_at if by_update else p.issue.created_at, p.number),
        reverse=descending == "desc",
    )
    return paged(scope.request, found, lambda p: pull_simple(scope.simulator, scope.repository, p))


@router.post("/repos/{owner}/{repo}/pulls")
async def create_pull(scope: Writes, sent: Sent) -> Response:
    """Create a pull request from a branch of the same repository."""
    head, base = sent.text("head"), sent.text("base")
    if sent.find_number("issue") is not None or "head_repo" in sent:
        raise ApiError(501, "pull requests from issues or forks are not built in the simulator")
    pull = pulling.create(
        scope.simulator,
        scope.repository,
        scope.caller,
        head=head,
        base=base,
        title=sent.text("title"),
        body=sent.body(),
        draft=sent.flag("draft"),
    )
    shown = pull_view(scope.simulator, scope.repository, pull)
    return JSONResponse(shown, status_code=201, headers={"location": shown["url"]})


@router.get("/repos/{owner}/{repo}/pulls/{pull_number}")
async def get_pull(scope: Reads) -> Response:
    """Get a pull request. The first reading after a push finds `mergeable` null."""
    pull = scope.pull()
    if scope.request.scope["stale_read"] and pull.previous is not None:
        return JSONResponse(pull_view(scope.simulator, scope.repository, pull.previous))
    if pull.issue.state == "open":
        if not is_current(scope.repository, pull):
            pull.mergeability = None
        if not scope.simulator.lazy_mergeability:
            compute(scope.repository, pull)
    shown = pull_view(scope.simulator, scope.repository, pull)
    if pull.issue.state == "open":
        compute(scope.repository, pull)
    return JSONResponse(shown)


@router.patch("/repos/{owner}/{repo}/pulls/{pull_number}")
async def update_pull(scope: Writes, sent: Sent) -> Response:
    """Update title, body, state or base of a pull request."""
    pull = scope.pull()
    if scope.caller.actor.id != pull.issue.user.id:
        scope.need_role("triage", "Must have triage rights to update this pull request")
    state = sent.find_text("state")
    if state not in (None, "open", "closed"):
        raise ApiError(422, f'Invalid request.\n\n{state} is not a member of ["open", "closed"].')
    pulling.edit(
        scope.simulator,
        scope.repository,
        scope.caller,
        pull,
        title=sent.find_text("title"),
        body=sent.body(),
        base=sent.find_text("base"),
        state=state,
    )
    return JSONResponse(pull_view(scope.simulator, scope.repository, pull))


@router.get("/repos/{owner}/{repo}/pulls/{pull_number}/files")
async def list_files(scope: Reads) -> Response:
    """List pull requests files, 3,000 at most."""
    pull = scope.pull()
    changes = pull_comparison(scope.repository, pull).changes[:_MOST_FILES]
    return paged(
        scope.request,
        changes,
        lambda change: file_view(scope.simulator, scope.repository, change, pull.head_sha),
    )


@router.get("/repos/{owner}/{repo}/pulls/{pull_number}/commits")
async def list_commits(scope: Reads) -> Response:
    """List commits on a pull request, oldest first, 250 at most."""
    commits = pull_comparison(scope.repository, scope.pull()).commits[:_MOST_COMMITS]
    return paged(
        scope.request, commits, lambda c: commit_view(scope.simulator, scope.repository, c)
    )


@router.put("/repos/{owner}/{repo}/pulls/{pull_number}/update-branch")
async def update_branch(scope: Writes, sent: Sent) -> Response:
    """Update a pull request branch by merging its base branch into it."""
    pull = scope.pull()
    expected = sent.find_text("expected_head_sha")
    if expected is not None and expected != pull.head_sha:
        raise ApiError(422, "expected head sha didn’t match current head ref.")
    _merge_base_into_head(scope, pull)
    body = {
        "message": "Updating pull request branch.",
        "url": f"{scope.simulator.api_url}/repos/{scope.repository.full_name}/pulls/{pull.number}",
    }
    return JSONResponse(body, status_code=202)


def _merge_base_into_head(scope: Scope, pull: PullRequest) -> None:
    git = scope.simulator.git(scope.repository)
    base = git.find_ref(f"refs/heads/{pull.base_branch}")
    if base is None or git.is_ancestor(base, pull.head_sha):
        raise ApiError(422, "There are no new commits on the base branch.")
    try:
        tree, clean = git.merge_tree(pull.head_sha, base)
    except GitError as error:
        raise ApiError(422, str(error)) from error
    if not clean:
        raise ApiError(422, "merge conflict between base and head")
    now = scope.simulator.clock()
    merged = git.commit_tree(
        tree,
        [pull.head_sha, base],
        f"Merge branch '{pull.base_branch}' into {pull.head_branch}",
        author=signature(scope.caller.actor, now),
        committer=web_flow(now),
    )
    scope.repository.verified_commits.add(merged)
    update = RefUpdate(f"refs/heads/{pull.head_branch}", pull.head_sha, merged)
    move_ref(scope.simulator, scope.repository, scope.caller, update)
