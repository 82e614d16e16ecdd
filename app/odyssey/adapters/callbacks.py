"""
Callbacks: signed POSTs to addresses that callers of the REST API name.

Whoever names an address makes this server send to it, so it is looked at first: only http and
https, and, unless a setting allows it, only addresses of the public internet. The name is
resolved once and the connection made to what was looked at, so that it cannot change between.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Mapping
from datetime import timedelta

import httpx

from odyssey.domain.errors import Unavailable
from odyssey.ports.derived import CallbackRefused

SIGNATURE = "X-Hub-Signature-256"
"""As GitHub signs its deliveries: `sha256=` and the HMAC of the body, in hex."""

_PORTS = {"http": 80, "https": 443}
_SHARED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 for IPv4 (RFC 6052): Python calls it global, whatever address it leads to."""


class SignedCallbacks:
    """Posts bodies signed with *secret*; without one it refuses to."""

    def __init__(
        self,
        secret: str,
        *,
        allow_private: bool = False,
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._secret = secret.encode()
        self._allow_private = allow_private
        self._timeout = timeout

    def check(self, url: str, *, secret: str = "") -> None:
        """
        Passes an address that may be posted to, as far as it can be told without asking for it.

        *secret* is the receiver's own, in the place of the server's.

        Raises:
            CallbackRefused: it never may; says why.
        """
        if not (secret or self._secret):
            raise CallbackRefused(
                "callback_url: this server signs no callbacks; "
                "set ODYSSEY_MEMORY_CALLBACK_SECRET, or leave callback_url out"
            )
        address = _read(url)
        try:
            literal = ipaddress.ip_address(address.host)
        except ValueError:
            return
        self._check_address(str(literal))

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        event: str,
        secret: str = "",
    ) -> None:
        """
        Posts the body, signed, with *headers*; no redirect is followed.

        Raises:
            CallbackRefused: the name leads to an address that may not be posted to.
            Unavailable: no answer, or none with 2xx.
        """
        self.check(url, secret=secret)
        address = _read(url)
        key = secret.encode() or self._secret
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                status = await self._post(address, body, headers, event, key)
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            raise Unavailable(
                f"callback to {address.host}: {type(error).__name__}: {error}".rstrip(": ")
            ) from error
        if not 200 <= status < 300:
            raise Unavailable(f"callback to {address.host}: it answered {status}")

    async def _post(
        self, address: httpx.URL, body: bytes, headers: Mapping[str, str], event: str, key: bytes
    ) -> int:
        port = address.port or _PORTS[address.scheme]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(address.host, port, type=socket.SOCK_STREAM)
        places = [str(entry[4][0]) for entry in found]
        # All of them: a name with a public and a private address is up to something.
        for place in places:
            self._check_address(place)
        signature = hmac.new(key, body, hashlib.sha256).hexdigest()
        own = {"host", "content-type", "user-agent", "x-odyssey-event", SIGNATURE.lower()}
        sent = {
            **{name: value for name, value in headers.items() if name.lower() not in own},
            "Host": address.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "Odyssey",
            "X-Odyssey-Event": event,
            SIGNATURE: f"sha256={signature}",
        }
        async with (
            httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=None) as client,  # noqa: S113 - the whole has a deadline
            client.stream(
                "POST",
                address.copy_with(host=places[0]),
                content=body,
                headers=sent,
                extensions={"sni_hostname": address.host},
            ) as answer,
        ):
            # The answer's body is nobody's business, and may be endless.
            return answer.status_code

    def _check_address(self, place: str) -> None:
        found = ipaddress.ip_address(place.partition("%")[0])
        mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
        inside = mapped or found
        if isinstance(found, ipaddress.IPv6Address) and found in _SHARED:
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if not self._allow_private and (not inside.is_global or inside.is_multicast):
            raise CallbackRefused(
                f"callback_url: {place} is no address of the public internet; "
                "set ODYSSEY_MEMORY_CALLBACK_PRIVATE=true if it is meant"
            )


def _read(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise CallbackRefused(f"callback_url is no URL: {error}") from error
    if address.scheme not in _PORTS or not address.host:
        raise CallbackRefused("callback_url: write http:// or https:// and a host")
    if address.userinfo:
        raise CallbackRefused("callback_url: no user or password in it; use callback_headers")
    return address
