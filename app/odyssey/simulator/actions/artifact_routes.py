"""The REST endpoints of artifacts; the zip itself is on the blob host."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, RedirectResponse, Response

from odyssey.simulator.actions.listing import listed
from odyssey.simulator.actions.payloads import artifact_json
from odyssey.simulator.actions.state import Artifact
from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError, not_found

Reader = Annotated[Scope, Depends(access("actions", "read"))]
Writer = Annotated[Scope, Depends(access("actions", "write"))]

_ARTIFACTS = "/repos/{owner}/{repo}/actions/artifacts"


def add_artifact_routes(router: APIRouter) -> None:
    """Add the endpoints to *router*."""

    @router.get("/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts")
    async def list_workflow_run_artifacts(scope: Reader) -> Response:
        wanted = scope.number("run_id")
        run = scope.simulator.actions.runs.get(wanted)
        if run is None or run.repository is not scope.repository:
            raise not_found()
        found = [a for a in _artifacts(scope) if a.run is run]
        return listed(scope, "artifacts", found, artifact_json)

    @router.get(_ARTIFACTS)
    async def list_artifacts_for_repo(scope: Reader) -> Response:
        return listed(scope, "artifacts", _artifacts(scope), artifact_json)

    @router.get(_ARTIFACTS + "/{artifact_id}")
    async def get_artifact(scope: Reader) -> Response:
        return JSONResponse(artifact_json(scope.simulator, _artifact(scope)))

    @router.get(_ARTIFACTS + "/{artifact_id}/{archive_format}")
    async def download_artifact(scope: Reader) -> Response:
        artifact = _artifact(scope)
        if scope.request.path_params["archive_format"] != "zip":
            raise not_found()
        if artifact.expires_at <= scope.simulator.clock():
            raise ApiError(410, "Artifact has expired")
        address = scope.simulator.blobs.publish(
            artifact.archive, "application/zip", f"{artifact.name}.zip"
        )
        return RedirectResponse(address, status_code=302)

    @router.delete(_ARTIFACTS + "/{artifact_id}")
    async def delete_artifact(scope: Writer) -> Response:
        artifact = _artifact(scope)
        artifact.run.artifacts.remove(artifact)
        return Response(status_code=204)


def _artifacts(scope: Scope) -> list[Artifact]:
    name = scope.request.query_params.get("name")
    return [
        artifact
        for run in scope.simulator.actions.runs_of(scope.repository)
        for artifact in reversed(run.artifacts)
        if name in (None, artifact.name)
    ]


def _artifact(scope: Scope) -> Artifact:
    wanted = scope.number("artifact_id")
    found = next((a for a in _every_artifact(scope) if a.id == wanted), None)
    if found is None:
        raise not_found()
    return found


def _every_artifact(scope: Scope) -> list[Artifact]:
    runs = scope.simulator.actions.runs_of(scope.repository)
    return [artifact for run in runs for artifact in run.artifacts]
