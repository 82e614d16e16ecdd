"""All routes of the simulator in one application, behind the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from odyssey.simulator import (
    actions,
    graphql,
    rest_apps,
    rest_branches,
    rest_checks,
    rest_comments,
    rest_commits,
    rest_contents,
    rest_git_data,
    rest_hooks,
    rest_issues,
    rest_labels,
    rest_merges,
    rest_pulls,
    rest_repositories,
    rest_review_comments,
    rest_reviews,
    rest_rulesets,
    rest_statuses,
    rest_teams,
    smart_http,
)
from odyssey.simulator.errors import ApiError, answer_error, not_built, not_found
from odyssey.simulator.gateway import Gateway

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

# Order matters where a path parameter takes slashes: the longer templates come first.
_AREAS = (
    rest_apps,
    rest_hooks,
    rest_repositories,
    rest_teams,
    rest_merges,
    rest_reviews,
    rest_review_comments,
    rest_pulls,
    rest_comments,
    rest_labels,
    rest_issues,
    rest_checks,
    rest_statuses,
    rest_rulesets,
    rest_branches,
    rest_contents,
    rest_git_data,
    rest_commits,
    smart_http,
)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def build_application(simulator: Simulator) -> FastAPI:
    """The FastAPI application; `state.gateway` is what a server should serve."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.simulator = simulator
    app.state.gateway = Gateway(app, simulator)
    app.add_exception_handler(ApiError, answer_error)
    app.include_router(actions.build_router(simulator))
    app.include_router(graphql.build_router(simulator))
    for area in _AREAS:
        app.include_router(area.router)
    app.add_api_route("/{path:path}", _unknown, methods=_METHODS)
    return app


async def _unknown(path: str, request: Request) -> Response:
    # GitHub answers 404 to a trailing slash, whatever stands before it.
    if path.endswith("/"):
        raise not_found()
    raise not_built(f"{request.method} /{path}")
