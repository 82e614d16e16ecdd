"""The REST endpoints of Actions: workflows, runs, jobs, logs and artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from odyssey.simulator.actions.payloads import job_json, run_html_url, run_json, run_url
from odyssey.simulator.actions.payloads import artifact_json as artifact_view
from odyssey.simulator.actions.payloads import workflow_json
from odyssey.simulator.actions.logs import pack_logs
from odyssey.simulator.actions.runner import Actions
from odyssey.simulator.actions.state import Artifact, Job, Run, Workflow
from odyssey.simulator.auth import Scope, access, body_of
from odyssey.simulator.errors import ApiError, forbidden, not_found
from odyssey.simulator.pagination import paged

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

Reader = Annotated[Scope, Depends(access("actions", "read"))]
Writer = Annotated[Scope, Depends(access("actions", "write"))]
