"""
One pool of connections to GitHub for all clients of a process.

githubkit makes an httpx client for each request that is not inside its own
context, and that context is bound to one task; each such client would load the
certificates and shake hands anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from odyssey.domain.pace import Allowance, read_allowance

MAX_CONNECTIONS = 50
"""Half of the 100 concurrent requests GitHub allows; a second process may have the others."""


class SharedTransport(httpx.AsyncBaseTransport):
    """
    An HTTP transport that outlives the clients it is given to; `end` closes it.
    """

    def __init__(self, api_url: str) -> None:
        self._pool = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS), proxy=_proxy_for(api_url)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends *request* over a pooled connection."""
        return await self._pool.handle_async_request(request)

    async def aclose(self) -> None:
        """Nothing: the client that closes is not the owner."""

    async def end(self) -> None:
        """Closes all connections."""
        await self._pool.aclose()


class NotingTransport(httpx.AsyncBaseTransport):
    """
    *shared* for one installation: what each answer says of its allowance goes to *note*.
    """

    def __init__(
        self, shared: SharedTransport, note: Callable[[Allowance], Awaitable[None]]
    ) -> None:
        self._shared = shared
        self._note = note

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends *request* over a pooled connection."""
        response = await self._shared.handle_async_request(request)
        allowance = read_allowance(response.headers)
        if allowance is not None:
            await self._note(allowance)
        return response

    async def aclose(self) -> None:
        """Nothing: the client that closes is not the owner."""


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for *url*; httpx asks only for transports of its own."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)
