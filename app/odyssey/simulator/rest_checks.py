"""Check runs, their annotations and check suites."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator import checking, webhooks
from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError, forbidden, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.mergeability import latest_check_runs
from odyssey.simulator.pagination import paged
from odyssey.simulator.state import App, CheckRun, CheckSuite, Json
from odyssey.simulator.views_checks import annotation_view, check_run_view, check_suite_view

router = APIRouter()
Reads = Annotated[Scope, Depends(access("checks", "read"))]
Writes = Annotated[Scope, Depends(access("checks", "write"))]
Sent = Annotated[Fields, Depends(fields_of)]
_RUN = "/repos/{owner}/{repo}/check-runs/{check_run_id}"


@router.post("/repos/{owner}/{repo}/check-runs")
async def create_check_run(scope: Writes, sent: Sent) -> Response:
    """Create a check run; Apps only."""
    app = _app(scope)
    run = checking.create(
        scope.simulator,
        scope.repository,
        app,
        name=sent.text("name"),
        head_sha=sent.text("head_sha"),
        sent=sent,
        sender=scope.caller.actor,
        by_actions=scope.caller.by_actions,
    )
    return JSONResponse(_shown(scope, run), status_code=201)


@router.get(_RUN)
async def get_check_run(scope: Reads) -> Response:
    """Get a check run."""
    return JSONResponse(_shown(scope, _run(scope)))


@router.patch(_RUN)
async def update_check_run(scope: Writes, sent: Sent) -> Response:
    """Update a check run of one's own; annotations are appended."""
    run = _run(scope)
    _owned(scope, run)
    checking.update(
        scope.simulator,
        scope.repository,
        run,
        sent,
        scope.caller.actor,
        by_actions=scope.caller.by_actions,
    )
    return JSONResponse(_shown(scope, run))


@router.get(_RUN + "/annotations")
async def list_annotations(scope: Reads) -> Response:
    """List check run annotations."""
    run = _run(scope)
    return paged(
        scope.request,
        run.annotations,
        lambda a: annotation_view(scope.simulator, scope.repository, run, a),
    )


@router.post(_RUN + "/rerequest")
async def rerequest_check_run(scope: Writes) -> Response:
    """Rerequest a check run: its App is asked to run it anew."""
    run = _run(scope)
    webhooks.check_run(scope.simulator, "rerequested", scope.repository, run, scope.caller.actor)
    return JSONResponse({}, status_code=201)


@router.get("/repos/{owner}/{repo}/commits/{ref:path}/check-runs")
async def list_check_runs(ref: str, scope: Reads) -> Response:
    """List check runs for a Git reference; the latest of each name unless `filter=all`."""
    sha = scope.simulator.git(scope.repository).find_commit(ref)
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {ref}")
    query = scope.request.query_params
    if query.get("filter") == "all":
        runs = [r for r in scope.repository.check_runs.values() if r.head_sha == sha]
    else:
        runs = latest_check_runs(scope.repository, sha)
    name, status, app_id = query.get("check_name"), query.get("status"), query.get("app_id")
    found = [
        run
        for run in runs
        if name in (None, run.name)
        and status in (None, run.status)
        and app_id in (None, str(run.app.app_id))
    ]
    found.sort(key=lambda run: run.id, reverse=True)
    return paged(scope.request, found, lambda run: _shown(scope, run), wrap="check_runs")


@router.get("/repos/{owner}/{repo}/check-suites/{check_suite_id}")
async def get_check_suite(scope: Reads) -> Response:
    """Get a check suite."""
    return JSONResponse(check_suite_view(scope.simulator, scope.repository, _suite(scope)))


@router.get("/repos/{owner}/{repo}/check-suites/{check_suite_id}/check-runs")
async def list_suite_runs(scope: Reads) -> Response:
    """List check runs in a check suite."""
    suite = _suite(scope)
    runs = [run for run in scope.repository.check_runs.values() if run.suite is suite]
    return paged(scope.request, runs, lambda run: _shown(scope, run), wrap="check_runs")


@router.get("/repos/{owner}/{repo}/commits/{ref:path}/check-suites")
async def list_suites(ref: str, scope: Reads) -> Response:
    """List check suites for a Git reference."""
    sha = scope.simulator.git(scope.repository).find_commit(ref)
    suites = [s for s in scope.repository.check_suites.values() if s.head_sha == sha]
    return paged(
        scope.request,
        suites,
        lambda s: check_suite_view(scope.simulator, scope.repository, s),
        wrap="check_suites",
    )


def _shown(scope: Scope, run: CheckRun) -> Json:
    return check_run_view(scope.simulator, scope.repository, run)


def _app(scope: Scope) -> App:
    if scope.caller.app is None:
        raise forbidden("You must authenticate via a GitHub App.")
    return scope.caller.app


def _owned(scope: Scope, run: CheckRun) -> None:
    if _app(scope) is not run.app:
        raise forbidden(
            f"Invalid app_id `{_app(scope).app_id}` - check run can only be modified "
            "by the GitHub App that created it."
        )


def _run(scope: Scope) -> CheckRun:
    found = scope.repository.check_runs.get(scope.number("check_run_id"))
    if found is None:
        raise not_found()
    return found


def _suite(scope: Scope) -> CheckSuite:
    found = scope.repository.check_suites.get(scope.number("check_suite_id"))
    if found is None:
        raise not_found()
    return found
