"""
The memory port on a Weaviate server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import weaviate
from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter
from weaviate.exceptions import WeaviateBaseError

from odyssey.adapters.embedding import Embedder, Vector
from odyssey.adapters.weaviate import search
from odyssey.adapters.weaviate.objects import chunk_properties, object_id, to_properties, to_record
from odyssey.adapters.weaviate.schema import COLLECTION, VECTOR, ensure_collection
from odyssey.adapters.weaviate.threads import Thread, read_around
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.asking import ask
from odyssey.domain.memory.fusion import Weights
from odyssey.domain.memory.keys import own_terms, pieces
from odyssey.domain.memory.record import Recollection, Record, Tenant, check_where
from odyssey.domain.memory.retention import retainable

_log = logging.getLogger(__name__)

_BATCH = 64


class WeaviateMemory:
    """
    Memory in Weaviate 1.38 or newer, one tenant for each repository.

    One process writes a tenant at a time: Weaviate has no transactions, and two
    writers could each miss the other's record in a neighbour's key. Readers may
    be many. Every call gives up after *patience*; a server that hangs is an
    `Unavailable`, never a wait without end.
    """

    def __init__(
        self,
        url: str,
        embedder: Embedder | None = None,
        *,
        grpc_port: int = 50051,
        weights: Weights | None = None,
        patience: timedelta = timedelta(seconds=10),
        embed_within: timedelta = timedelta(seconds=5),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = url
        self._embedder = embedder
        self._grpc_port = grpc_port
        self._weights = weights or Weights()
        self._patience = patience
        self._embed_within = embed_within
        self._now = now
        self._client: weaviate.WeaviateAsyncClient | None = None
        self._connecting = asyncio.Lock()
        self._writing: dict[Tenant, asyncio.Lock] = {}
        self._made: set[Tenant] = set()

    async def retain(self, tenant: Tenant, records: Sequence[Record]) -> None:
        """
        Keeps the records, masked, durable when it returns. Repeatable by id: the first stays.

        Raises:
            Unavailable: Weaviate is away; nothing, or a part, was kept: call again.
        """
        if not records:
            return
        prepared = {record.id: (record, count) for record, count in map(retainable, records[::-1])}
        async with self._writing.setdefault(tenant, asyncio.Lock()):
            async with self._collection(tenant) as collection:
                await self._insert(collection, tenant, list(prepared.values())[::-1])
            if self._embedder is None:
                return
            try:
                async with asyncio.timeout(self._embed_within.total_seconds()):
                    await self._catch_up(tenant, self._embedder)
            except (Unavailable, TimeoutError) as error:
                _log.warning("tenant %s: vectors follow later: %s", tenant, str(error) or "timeout")

    async def recall(
        self,
        tenant: Tenant,
        query: str,
        *,
        limit: int = 8,
        kinds: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
    ) -> list[Recollection]:
        """
        The records most relevant to *query*, best first, at most *limit*. Repeatable.

        With *where*, every record that matches is found, those that the query
        does not speak of last and newest first; with an empty *query* the newest.

        Raises:
            ValueError: *where* names nothing that can be asked for.
            Unavailable: Weaviate did not answer in time.
        """
        narrow = dict(where or {})
        check_where(narrow)
        if limit < 1:
            return []
        request = search.Request(
            question=ask(query, now=self._now()),
            limit=limit,
            kinds=tuple(kinds),
            where=narrow,
            vector=await self._query_vector(tenant, query) if query.strip() else None,
            model=self._embedder.model if self._embedder else "",
        )
        async with self._collection(tenant) as collection:
            return await search.recall(collection, request, self._weights)

    async def forget(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> int:
        """
        Deletes what came from *source*, or is about or by *person*; how many records. Repeatable.

        Raises:
            ValueError: neither, or both, are given.
            Unavailable: Weaviate is away, or something is still there: call again.
        """
        if (source is None) == (person is None):
            raise ValueError("forget needs a source or a person, and only one of them")
        if source is not None:
            condition = Filter.by_property("source").equal(source)
        else:
            condition = Filter.by_property("person").equal(person) | Filter.by_property(
                "actor"
            ).equal(person)
        async with (
            self._writing.setdefault(tenant, asyncio.Lock()),
            self._collection(tenant) as collection,
        ):
            return await _delete(collection, tenant, condition)

    async def catch_up(self, tenant: Tenant) -> int:
        """
        Embeds what has no vector yet; how many records.

        Raises:
            Unavailable: the model or Weaviate is away.
        """
        if self._embedder is None:
            return 0
        async with self._writing.setdefault(tenant, asyncio.Lock()):
            return await self._catch_up(tenant, self._embedder)

    async def remove_tenant(self, tenant: Tenant) -> None:
        """Deletes all of a tenant. Repeatable."""
        async with self._answering():
            client = await self._connected()
            tenants = client.collections.get(COLLECTION).tenants
            self._made.discard(tenant)
            if await tenants.exists(tenant.name):
                await tenants.remove([tenant.name])

    async def close(self) -> None:
        """Ends the connection and the model."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._embedder is not None:
            await self._embedder.close()

    async def _insert(
        self, collection: Any, tenant: Tenant, prepared: list[tuple[Record, int]]
    ) -> None:
        ids = [object_id(tenant, record.id) for record, _ in prepared]
        known = await collection.query.fetch_objects(
            filters=Filter.by_id().contains_any(ids), limit=len(ids), return_properties=[]
        )
        there = {str(item.uuid) for item in known.objects}
        new = [
            (one, to_properties(record, terms=own_terms(record), masked=masked))
            for one, (record, masked) in zip(ids, prepared, strict=True)
            if one not in there
        ]
        patches: dict[str, dict[str, Any]] = {}
        for thread in _threads(new):
            patches.update(await read_around(collection, thread))
        for one, properties in new:
            properties.update(patches.pop(one))
        await _insert_many(
            collection, [DataObject(properties=properties, uuid=one) for one, properties in new]
        )
        for one, patch in patches.items():
            await collection.data.update(uuid=one, properties=patch)

    async def _catch_up(self, tenant: Tenant, embedder: Embedder) -> int:
        done = 0
        async with self._collection(
            tenant, patience=max(self._patience, self._embed_within)
        ) as collection:
            while True:
                waiting = await collection.query.fetch_objects(
                    filters=Filter.by_property("waiting").equal(True), limit=_BATCH
                )
                if not waiting.objects:
                    return done
                records = {str(item.uuid): to_record(item.properties) for item in waiting.objects}
                texts = [pieces(record) for record in records.values()]
                parts = iter(await embedder.embed_documents([t for own in texts for t in own]))
                for (one, record), own in zip(records.items(), texts, strict=True):
                    vectors = [next(parts) for _ in own]
                    await _write_vectors(
                        collection, tenant, one, record, vectors, model=embedder.model
                    )
                done += len(records)

    async def _query_vector(self, tenant: Tenant, query: str) -> Vector | None:
        if self._embedder is None:
            return None
        try:
            async with asyncio.timeout(self._embed_within.total_seconds()):
                return await self._embedder.embed_query(query)
        except (Unavailable, TimeoutError) as error:
            _log.warning("tenant %s: recalled by words alone: %s", tenant, str(error) or "timeout")
            return None

    @asynccontextmanager
    async def _collection(
        self, tenant: Tenant, *, patience: timedelta | None = None
    ) -> AsyncIterator[Any]:
        """The collection bound to *tenant*, which is made if need be."""
        async with self._answering(patience):
            client = await self._connected()
            collection = client.collections.get(COLLECTION)
            if tenant not in self._made:
                if not await collection.tenants.exists(tenant.name):
                    await collection.tenants.create([tenant.name])
                self._made.add(tenant)
            yield collection.with_tenant(tenant.name)

    @asynccontextmanager
    async def _answering(self, patience: timedelta | None = None) -> AsyncIterator[None]:
        """Turns what the client raises, and a server that hangs, into `Unavailable`."""
        try:
            # The client retries a dead gRPC port for a minute, whatever its own timeouts say.
            async with asyncio.timeout((patience or self._patience).total_seconds()):
                yield
        except (WeaviateBaseError, TimeoutError, OSError) as error:
            raise Unavailable(
                f"Weaviate at {self._url}: {str(error)[:300] or 'no answer in time'}; see that it "
                f"runs, and its gRPC port {self._grpc_port} too"
            ) from error

    async def _connected(self) -> weaviate.WeaviateAsyncClient:
        async with self._connecting:
            if self._client is None:
                place = urlsplit(self._url)
                secure = place.scheme == "https"
                client = weaviate.use_async_with_custom(
                    http_host=place.hostname or "127.0.0.1",
                    http_port=place.port or (443 if secure else 8080),
                    http_secure=secure,
                    grpc_host=place.hostname or "127.0.0.1",
                    grpc_port=self._grpc_port,
                    grpc_secure=secure,
                    # Else the client asks a package index for its own newest version.
                    skip_init_checks=True,
                )
                try:
                    await client.connect()
                    await ensure_collection(client)
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client


def _threads(new: list[tuple[str, dict[str, Any]]]) -> list[Thread]:
    """The new objects by thread; one without a thread is one by itself."""
    by_name: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for one, properties in new:
        name = properties["thread"]
        by_name.setdefault(f"thread {name}" if name is not None else one, []).append(
            (one, properties)
        )
    return [Thread(name=added[0][1]["thread"], added=tuple(added)) for added in by_name.values()]


async def _insert_many(collection: Any, objects: list[DataObject[Any, Any]]) -> None:
    for start in range(0, len(objects), _BATCH):
        some = objects[start : start + _BATCH]
        answer = await collection.data.insert_many(some)
        if answer.has_errors:
            first = next(iter(answer.errors.values()))
            raise Unavailable(
                f"Weaviate kept {len(some) - len(answer.errors)} of {len(some)} objects: "
                f"{str(first.message)[:300]}"
            )


async def _write_vectors(
    collection: Any,
    tenant: Tenant,
    main: str,
    record: Record,
    vectors: Sequence[Vector],
    *,
    model: str,
) -> None:
    await _insert_many(
        collection,
        [
            DataObject(
                uuid=object_id(tenant, record.id, chunk=chunk),
                properties=chunk_properties(record, chunk=chunk, main=main, model=model),
                vector={VECTOR: list(vector)},
            )
            for chunk, vector in enumerate(vectors)
            if chunk
        ],
    )
    # Last, so that a record whose vectors were cut off in the middle is still waiting.
    await collection.data.update(
        uuid=main,
        properties={"waiting": False, "model": model},
        vector={VECTOR: list(vectors[0])},
    )


async def _delete(collection: Any, tenant: Tenant, condition: Any) -> int:
    ids: set[str] = set()
    threads: set[str] = set()
    while True:
        found = await collection.query.fetch_objects(
            filters=condition, limit=1_000, return_properties=["record_id", "thread"]
        )
        if not found.objects:
            break
        ids.update(str(item.properties["record_id"]) for item in found.objects)
        threads.update(str(t) for item in found.objects if (t := item.properties.get("thread")))
        answer = await collection.data.delete_many(where=condition)
        if answer.failed:
            raise Unavailable(f"tenant {tenant}: {answer.failed} objects were not deleted; again")
    for name in threads:
        for one, patch in (await read_around(collection, Thread(name=name, added=()))).items():
            await collection.data.update(uuid=one, properties=patch)
    return len(ids)
