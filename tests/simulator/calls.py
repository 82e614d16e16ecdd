"""Bare requests, for what githubkit would refuse to send."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import jwt

from odyssey.simulator.loopback import loopback_client
from simulator.conftest import World


async def call(
    world: World, method: str, path: str, token: str | None = None, **more: Any
) -> httpx.Response:
    """One bare request, with a User-Agent and nothing else that was not asked for."""
    headers = {"user-agent": "tests", **more.pop("headers", {})}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    async with loopback_client(base_url=world.simulator.api_url) as client:
        return await client.request(method, path, headers=headers, **more)


def app_jwt(world: World, **claims: Any) -> str:
    """A JWT of the App; *claims* replace the good ones."""
    now = world.clock.now
    good = {
        "iat": int((now - timedelta(seconds=60)).timestamp()),
        "exp": int((now + timedelta(minutes=9)).timestamp()),
        "iss": str(world.app.app_id),
    }
    return jwt.encode(good | claims, world.app.private_key, algorithm="RS256")
