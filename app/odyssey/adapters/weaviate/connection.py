"""
The connection to a Weaviate server: every call has an end, every error says what to look at.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import weaviate
from weaviate.exceptions import WeaviateBaseError

from odyssey.adapters.weaviate.schema import ensure_collection
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf

OLDEST = (1, 38)
"""Before, backups left out tenants that were asleep, and aliases did not hold for every call."""

_PREFIX = re.compile(r"[A-Z][A-Za-z0-9_]{0,60}")


class Connection:
    """One server, connected to when it is first needed."""

    def __init__(
        self,
        url: str,
        *,
        grpc_port: int,
        api_key: str = "",
        prefix: str = "Odyssey",
        patience: timedelta,
    ) -> None:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(
                f"{prefix!r} is no prefix of collections: begin with a capital, then letters, "
                "digits and '_'"
            )
        self.url = url
        self.prefix = prefix
        self.patience = patience
        self._grpc_port = grpc_port
        self._api_key = api_key
        self._client: weaviate.WeaviateAsyncClient | None = None
        self._connecting = asyncio.Lock()
        self._known: set[tuple[str, Tenant]] = set()

    def alias(self, shelf: Shelf) -> str:
        """The name a shelf's collection is called by."""
        return f"{self.prefix}{shelf.value.title()}"

    @asynccontextmanager
    async def client(
        self, patience: timedelta | None = None
    ) -> AsyncIterator[weaviate.WeaviateAsyncClient]:
        """
        The client, for at most *patience*.

        Raises:
            Unavailable: the server is away, hangs, or refuses.
        """
        limit = (patience or self.patience).total_seconds()
        try:
            # The client retries a dead gRPC port for a minute, whatever its own timeouts say.
            async with asyncio.timeout(limit):
                yield await self._connected()
        # The client has names of its own for what gRPC says, and for two of httpx's errors only:
        # a connection that breaks in the middle of an answer comes through as it is.
        except (WeaviateBaseError, httpx.HTTPError, TimeoutError, OSError) as error:
            raise Unavailable(
                f"Weaviate at {self.url}: {str(error)[:300] or f'no answer in {limit:g} s'}; see "
                f"that it runs, and its gRPC port {self._grpc_port} too"
            ) from error

    async def target(self, shelf: Shelf) -> str | None:
        """The collection behind a shelf's alias; None before anything was put on the shelf."""
        async with self.client() as client:
            known = await client.alias.get(alias_name=self.alias(shelf))
            return None if known is None else str(known.collection)

    async def find(self, shelf: Shelf, tenant: Tenant) -> Any | None:
        """The collection bound to *tenant*; None when it has nothing there. Makes nothing."""
        async with self.client() as client:
            alias = self.alias(shelf)
            if (alias, tenant) not in self._known:
                known = await client.alias.get(alias_name=alias)
                if known is None:
                    return None
                # What is about tenants takes the collection's own name, and no alias.
                tenants = client.collections.get(known.collection).tenants
                if not await tenants.exists(tenant.name):
                    return None
                self._known.add((alias, tenant))
            return client.collections.get(alias).with_tenant(tenant.name)

    async def make(self, shelf: Shelf, tenant: Tenant) -> Any:
        """The collection bound to *tenant*; both are made if need be."""
        async with self.client() as client:
            alias = self.alias(shelf)
            if (alias, tenant) not in self._known:
                target = await ensure_collection(client, alias)
                tenants = client.collections.get(target).tenants
                if not await tenants.exists(tenant.name):
                    await tenants.create([tenant.name])
                self._known.add((alias, tenant))
            return client.collections.get(alias).with_tenant(tenant.name)

    def forget_known(self) -> None:
        """Tenants and collections may have gone: look again."""
        self._known.clear()

    async def close(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _connected(self) -> weaviate.WeaviateAsyncClient:
        async with self._connecting:
            if self._client is None:
                place = urlsplit(self.url)
                secure = place.scheme == "https"
                if self._grpc_port == (place.port or (443 if secure else 8080)):
                    raise Unavailable(
                        f"Weaviate at {self.url}: {self._grpc_port} cannot be its gRPC port too; "
                        "set ODYSSEY_WEAVIATE_GRPC_PORT"
                    )
                client = weaviate.use_async_with_custom(
                    http_host=place.hostname or "127.0.0.1",
                    http_port=place.port or (443 if secure else 8080),
                    http_secure=secure,
                    grpc_host=place.hostname or "127.0.0.1",
                    grpc_port=self._grpc_port,
                    grpc_secure=secure,
                    auth_credentials=(
                        weaviate.auth.AuthApiKey(self._api_key) if self._api_key else None
                    ),
                    # Else the client asks a package index for its own newest version.
                    skip_init_checks=True,
                )
                try:
                    await client.connect()
                    await self._check_version(client)
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client

    async def _check_version(self, client: weaviate.WeaviateAsyncClient) -> None:
        said = str((await client.get_meta()).get("version", ""))
        numbers = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
        if len(numbers) == 2 and numbers < OLDEST:
            raise Unavailable(
                f"Weaviate at {self.url} is version {said}, and {OLDEST[0]}.{OLDEST[1]} or newer "
                "is needed; upgrade the server"
            )
