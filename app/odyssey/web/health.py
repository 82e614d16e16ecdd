"""
Is the process alive, is it ready, and where is what: `/healthz`, `/readyz`, `/`.
"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse

from odyssey import __version__
from odyssey.domain.errors import Unavailable
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.web.models import Health, NotReady

FRONT_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Odyssey</title>
<h1>Odyssey</h1>
<p>A GitHub App that changes code under the gate of a review. Version {version}.</p>
<ul>
<li><a href="/openapi.json">The REST API, as an OpenAPI description</a></li>
<li><a href="/readyz">Is it ready?</a></li>
<li><a href="/healthz">Is it alive?</a></li>
</ul>
"""


def health_routes(settings: Settings, ports: Ports) -> APIRouter:
    """
    The routes that need no bearer and tell nothing that is secret.
    """
    router = APIRouter()

    @router.get("/healthz", tags=["health"])
    async def healthz() -> Health:
        """
        The process answers; nothing else is asked.
        """
        return Health(status="ok", version=__version__)

    @router.get(
        "/readyz",
        tags=["health"],
        response_model=Health,
        responses={
            503: {"model": NotReady, "description": "Something is missing; `missing` says what."}
        },
    )
    async def readyz() -> Health | JSONResponse:
        """
        Deliveries can be kept and GitHub can be asked.
        """
        missing = missing_settings(settings)
        try:
            await ports.inbox.is_quiet()
        except Unavailable:
            missing.append("Redis: no answer from the server of ODYSSEY_REDIS_URL")
        if not missing:
            return Health(status="ready", version=__version__)
        body = NotReady(error="NotReady", detail="; ".join(missing), missing=missing)
        return JSONResponse(body.model_dump(), 503, headers={"Retry-After": "5"})

    @router.get("/", include_in_schema=False)
    async def front_page() -> HTMLResponse:
        return HTMLResponse(
            FRONT_PAGE.format(version=__version__),
            headers={"Content-Security-Policy": "default-src 'none'"},
        )

    return router


def missing_settings(settings: Settings) -> list[str]:
    """
    The settings without which GitHub cannot be answered or asked, by their variables' names.
    """
    needed = {
        "ODYSSEY_APP_ID": settings.app_id,
        "ODYSSEY_PRIVATE_KEY": settings.private_key.get_secret_value(),
        "ODYSSEY_WEBHOOK_SECRET": settings.webhook_secret.get_secret_value(),
    }
    return [f"{name} is not set" for name, value in needed.items() if not value]
