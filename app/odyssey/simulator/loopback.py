"""HTTP clients for this machine: no certificates to load, no proxies."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpx


def loopback_client(
    *,
    base_url: str = "",
    headers: Mapping[str, str] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    timeout: float = 30.0,
) -> httpx.AsyncClient:
    """
    A client that starts in no time; *timeout* is in seconds.

    Its TLS context trusts nobody, so `https` addresses fail instead of going out.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        headers=dict(headers or {}),
        transport=transport,
        timeout=timeout,
        trust_env=False,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
