"""
The web application: the intake, the REST API, health.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from odyssey import __version__
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.web.api import api_routes
from odyssey.web.errors import install_error_handlers
from odyssey.web.health import health_routes
from odyssey.web.intake import PATH, Intake
from odyssey.web.memory_access import MemoryAccess
from odyssey.web.memory_blocks import memory_archive_routes, memory_block_routes
from odyssey.web.memory_derived import memory_derived_routes
from odyssey.web.memory_evolution import memory_evolution_routes
from odyssey.web.memory_semantic import memory_semantic_routes
from odyssey.web.memory_subscriptions import memory_subscription_routes
from odyssey.web.memory_tasks import memory_task_routes


def create_app(settings: Settings, ports: Ports) -> FastAPI:
    """
    The application over *ports*, which stay open as long as it is used.
    """
    intake = Intake(ports.inbox, settings.webhook_secret.get_secret_value(), now=ports.now)
    app = OdysseyApp(
        intake,
        title="Odyssey",
        version=__version__,
        summary="Changes code under the gate of a review, and remembers every attempt.",
        # Their pages load scripts from elsewhere, which no page of ours does.
        docs_url=None,
        redoc_url=None,
    )
    install_error_handlers(app)
    # For every other method: 405.
    app.router.routes.append(Route(PATH, intake, methods=["POST"], include_in_schema=False))
    app.include_router(health_routes(settings, ports))
    app.include_router(api_routes(settings, ports))
    access = MemoryAccess(settings, ports)
    app.include_router(memory_semantic_routes(access))
    app.include_router(memory_subscription_routes(access))
    app.include_router(memory_task_routes(access))
    app.include_router(memory_derived_routes(access))
    app.include_router(memory_evolution_routes(access))
    app.include_router(memory_block_routes(access))
    app.include_router(memory_archive_routes(access))
    return app


class OdysseyApp(FastAPI):
    """
    FastAPI, with a shorter way to the intake and a description without the 422 of FastAPI.
    """

    def __init__(self, intake: Intake, **settings: Any) -> None:
        super().__init__(**settings)
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answers one request; a delivery without the layers that the REST API needs.
        """
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            # A third of the time of a delivery would go to them.
            await self._intake(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """
        The API's description.
        """
        if self.openapi_schema is None:
            description = super().openapi()
            for path in description["paths"].values():
                for operation in path.values():
                    # Ours say what they mean; FastAPI's own is answered with 400 here.
                    unfit = operation["responses"].get("422", {})
                    if "HTTPValidationError" in str(unfit):
                        operation["responses"].pop("422")
            for name in ("HTTPValidationError", "ValidationError"):
                description["components"]["schemas"].pop(name, None)
        schema: dict[str, Any] = self.openapi_schema or {}
        return schema
