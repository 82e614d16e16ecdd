"""The REST endpoints of Actions: workflows, runs, jobs and their logs; artifacts are beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, RedirectResponse, Response

from odyssey.simulator.actions.artifact_routes import add_artifact_routes
from odyssey.simulator.actions.listing import listed
from odyssey.simulator.actions.logs import pack_logs
from odyssey.simulator.actions.payloads import (
    job_json,
    run_html_url,
    run_json,
    run_url,
    workflow_json,
)
from odyssey.simulator.actions.state import Job, Run, Workflow
from odyssey.simulator.auth import Scope, access, body_of
from odyssey.simulator.errors import ApiError, forbidden, not_found

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

Reader = Annotated[Scope, Depends(access("actions", "read"))]
Writer = Annotated[Scope, Depends(access("actions", "write"))]

_WORKFLOW = "/repos/{owner}/{repo}/actions/workflows/{workflow_id}"
_RUN = "/repos/{owner}/{repo}/actions/runs/{run_id}"
_JOB = "/repos/{owner}/{repo}/actions/jobs/{job_id}"


def build_router(simulator: Simulator) -> APIRouter:
    """Every endpoint of Actions, answering for `simulator.actions`."""
    router = APIRouter()
    _add_workflow_routes(router)
    _add_run_routes(router)
    _add_log_routes(router)
    add_artifact_routes(router)
    return router


def _add_workflow_routes(router: APIRouter) -> None:
    @router.get("/repos/{owner}/{repo}/actions/workflows")
    async def list_workflows(scope: Reader) -> Response:
        workflows = await scope.simulator.actions.workflows_of(scope.repository)
        return listed(scope, "workflows", workflows, workflow_json)

    @router.get(_WORKFLOW)
    async def get_workflow(scope: Reader) -> Response:
        return JSONResponse(workflow_json(scope.simulator, await _workflow(scope)))

    @router.get(_WORKFLOW + "/runs")
    async def list_workflow_runs(scope: Reader) -> Response:
        workflow = await _workflow(scope)
        runs = [run for run in _filtered_runs(scope) if run.workflow is workflow]
        return listed(scope, "workflow_runs", runs, run_json)

    @router.post(_WORKFLOW + "/dispatches")
    async def create_workflow_dispatch(scope: Writer) -> Response:
        workflow = await _workflow(scope)
        body = await body_of(scope.request)
        ref, inputs = body.get("ref"), body.get("inputs", {})
        if not isinstance(ref, str) or not ref:
            raise ApiError(422, 'Invalid request.\n\n"ref" wasn\'t supplied.')
        if not isinstance(inputs, dict):
            raise ApiError(422, "Invalid request.\n\nFor 'inputs', it is not an object.")
        simulator = scope.simulator
        run = await simulator.actions.dispatch(
            scope.repository, workflow, ref, inputs, actor=scope.caller.actor
        )
        if _is_old_version(scope) and body.get("return_run_details") is not True:
            return Response(status_code=204)
        return JSONResponse(
            {
                "workflow_run_id": run.id,
                "run_url": run_url(simulator, run),
                "html_url": run_html_url(simulator, run),
            }
        )


def _add_run_routes(router: APIRouter) -> None:
    @router.get("/repos/{owner}/{repo}/actions/runs")
    async def list_workflow_runs_for_repo(scope: Reader) -> Response:
        return listed(scope, "workflow_runs", _filtered_runs(scope), run_json)

    @router.get(_RUN)
    async def get_workflow_run(scope: Reader) -> Response:
        return JSONResponse(run_json(scope.simulator, _run(scope)))

    @router.get(_RUN + "/jobs")
    async def list_jobs_for_workflow_run(scope: Reader) -> Response:
        run = _run(scope)
        everything = scope.request.query_params.get("filter") == "all"
        return listed(scope, "jobs", run.jobs if everything else run.current_jobs, job_json)

    @router.post(_RUN + "/cancel")
    async def cancel_workflow_run(scope: Writer) -> Response:
        run = _run(scope)
        if run.is_completed:
            raise ApiError(409, "Cannot cancel a workflow run that is completed.")
        scope.simulator.actions.cancel(run)
        return JSONResponse({}, status_code=202)

    @router.post(_RUN + "/rerun")
    async def re_run_workflow(scope: Writer) -> Response:
        run = _run(scope)
        if not run.is_completed:
            raise forbidden("This workflow is already running")
        scope.simulator.actions.rerun(run, actor=scope.caller.actor)
        return JSONResponse({}, status_code=201)

    @router.get(_JOB)
    async def get_job_for_workflow_run(scope: Reader) -> Response:
        return JSONResponse(job_json(scope.simulator, _job(scope)))


def _add_log_routes(router: APIRouter) -> None:
    @router.get(_RUN + "/logs")
    async def download_workflow_run_logs(scope: Reader) -> Response:
        run = _run(scope)
        return _found_elsewhere(
            scope, pack_logs(run), "application/zip", f"logs_{run.check_suite_id}.zip"
        )

    @router.get(_JOB + "/logs")
    async def download_job_logs_for_workflow_run(scope: Reader) -> Response:
        job = _job(scope)
        if not job.lines:
            raise not_found()
        return _found_elsewhere(scope, job.log.encode(), "text/plain", f"job-{job.id}.txt")


def _found_elsewhere(scope: Scope, content: bytes, media_type: str, filename: str) -> Response:
    address = scope.simulator.blobs.publish(content, media_type, filename)
    return RedirectResponse(address, status_code=302)


async def _workflow(scope: Scope) -> Workflow:
    wanted: str = scope.request.path_params["workflow_id"]
    for workflow in await scope.simulator.actions.workflows_of(scope.repository):
        if wanted in (str(workflow.id), workflow.path.rpartition("/")[2], workflow.path):
            return workflow
    raise not_found()


def _run(scope: Scope) -> Run:
    found = scope.simulator.actions.runs.get(scope.number("run_id"))
    if found is None or found.repository is not scope.repository:
        raise not_found()
    return found


def _job(scope: Scope) -> Job:
    wanted = scope.number("job_id")
    for run in scope.simulator.actions.runs_of(scope.repository):
        for job in run.jobs:
            if job.id == wanted:
                return job
    raise not_found()


def _filtered_runs(scope: Scope) -> list[Run]:
    wanted = scope.request.query_params
    runs = scope.simulator.actions.runs_of(scope.repository)
    return [
        run
        for run in runs
        if wanted.get("event") in (None, run.event)
        and wanted.get("head_sha") in (None, run.head_sha)
        and wanted.get("branch") in (None, run.head_branch)
        and wanted.get("status") in (None, run.status, run.conclusion)
        and wanted.get("actor") in (None, run.actor.login)
        and wanted.get("check_suite_id") in (None, str(run.check_suite_id))
    ]


def _is_old_version(scope: Scope) -> bool:
    return scope.request.headers.get("x-github-api-version", "2022-11-28") == "2022-11-28"
