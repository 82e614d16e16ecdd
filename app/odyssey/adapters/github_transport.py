"""
One pool of connections to GitHub for all clients of a process.

githubkit makes an httpx client for each request that is not inside its own
context, and that context is bound to one task; each such client would load the
certificates and shake hands anew.
"""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

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


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for *url*; httpx asks only for transports of its own."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)
