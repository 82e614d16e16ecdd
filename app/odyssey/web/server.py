"""
`odyssey serve`: the web application in one process.
"""

from __future__ import annotations

import asyncio
import logging

import uvicorn
import uvloop

from odyssey.adapters.redis_connection import connect, durability_gaps
from odyssey.bootstrap import open_ports
from odyssey.domain.errors import Unavailable
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.web.app import create_app
from odyssey.web.health import missing_settings

log = logging.getLogger("odyssey.web")

GRACE_S = 10
"""What runs when the process is asked to stop may take so long to end; GitHub waits no longer."""


def serve(settings: Settings) -> None:
    """
    Serves until the process is asked to stop.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    async with open_ports(settings, embeds=False, shares_model=True) as ports:
        await _warn(settings)
        await build_server(settings, ports).serve()


async def _warn(settings: Settings) -> None:
    redis = connect(settings.redis_url)
    try:
        for gap in await durability_gaps(redis):
            log.warning("%s", gap)
    except Unavailable as error:
        # Deliveries are refused until it is there, and taken from then on.
        log.warning("%s", error)
    finally:
        await redis.aclose()


def build_server(settings: Settings, ports: Ports) -> uvicorn.Server:
    """
    The server over *ports*, for a loop that is running already.
    """
    for problem in missing_settings(settings):
        log.warning("%s: see /readyz", problem)
    return uvicorn.Server(
        uvicorn.Config(
            create_app(settings, ports),
            host=settings.host,
            port=settings.port,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
