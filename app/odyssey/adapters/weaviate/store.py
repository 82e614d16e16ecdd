"""
The store of rows on a Weaviate server, behind a durable outbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from weaviate.classes.query import Filter

from odyssey.adapters.embedding import ModelMismatch, Vector
from odyssey.adapters.memory_store import Embed, Found, Key, Query, Tell, Waiting
from odyssey.adapters.weaviate import copying, reembedding, writing
from odyssey.adapters.weaviate.connection import Connection
from odyssey.adapters.weaviate.forgetting import forget, ids_from
from odyssey.adapters.weaviate.objects import RECORD, object_id, to_record
from odyssey.adapters.weaviate.outbox import Drain, Outbox
from odyssey.adapters.weaviate.search import search
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Forgotten, Stored

_log = logging.getLogger(__name__)

_ATTEMPTS = 5
"""After which a record that the model refuses is left to `catch_up(again=True)`."""

_PAUSE_SECONDS = 5.0
"""How long a write goes to the outbox only, after the server did not answer."""


class WeaviateStore:
    """
    Rows as objects: one collection for each shelf, one tenant for each repository.

    What is kept is in the outbox first, on this machine's disk, and leaves it when
    the server has it. Weaviate has no transactions: a lease lets one process of this
    machine write a tenant at a time.
    """

    def __init__(self, connection: Connection, control: Outbox) -> None:
        self.connection = connection
        self.control = control
        self.drain = Drain(connection, control, self.writing)
        self._away_until = 0.0
        self._checked: set[tuple[Tenant, str, str]] = set()

    @property
    def name(self) -> str:
        """Weaviate, its address and collections."""
        return f"Weaviate at {self.connection.url}, collections {self.connection.prefix}*"

    async def keep(self, tenant: Tenant, rows: Sequence[Stored]) -> None:
        """Puts the rows in the outbox, and writes them at once if the server answers."""
        await asyncio.to_thread(self.control.put, tenant, rows)
        if time.monotonic() < self._away_until:
            return
        try:
            await self.drain.all(tenant)
        except Unavailable as error:
            self._away_until = time.monotonic() + _PAUSE_SECONDS
            _log.warning("tenant %s: kept in the outbox until it can be written: %s", tenant, error)

    async def load(self, tenant: Tenant, rows: Sequence[Stored]) -> int:
        """Writes rows at once; a row that is refused is an error, since the caller can repeat."""
        added = 0
        async with self.writing(tenant):
            for shelf in Shelf:
                some = [row for row in rows if row.shelf is shelf]
                if not some:
                    continue
                for model in {row.model for row in some if row.model is not None}:
                    await self._check_model(tenant, shelf, model)
                async with self.connection.client():
                    collection = await self.connection.make(shelf, tenant)
                    written = await writing.write(collection, tenant, some)
                if written.refused:
                    one, reason = next(iter(written.refused.items()))
                    raise Unavailable(
                        f"Weaviate refused {len(written.refused)} of {len(some)} rows, the first "
                        f"{one!r}: {reason[:300]}"
                    )
                added += written.added
        return added

    async def search(self, tenant: Tenant, query: Query) -> Found:
        """What the arms find, once what waits has been written."""

        async def read(keys: Sequence[Key]) -> Mapping[Any, Record]:
            return await self._records(tenant, query.shelf, [str(key) for key in keys])

        await self.drain.before_reading(tenant)
        async with self.connection.client():
            collection = await self.connection.find(query.shelf, tenant)
            if collection is None:
                return Found(hits=(), rest=(), read=read)
            hits, rest = await search(collection, query)
        return Found(hits=hits, rest=rest, read=read)

    async def read(self, tenant: Tenant, shelf: Shelf, ids: Sequence[str]) -> dict[str, Record]:
        """The records with these ids."""
        await self.drain.before_reading(tenant)
        found = await self._records(tenant, shelf, [object_id(tenant, one) for one in ids])
        return {record.id: record for record in found.values()}

    async def ids_from(
        self, tenant: Tenant, *, source: str | None, person: str | None
    ) -> list[str]:
        """The ids of what `forget` would delete; of very many not all."""
        return await ids_from(self.connection, self.control, tenant, source=source, person=person)

    async def forget(self, tenant: Tenant, *, source: str | None, person: str | None) -> Forgotten:
        """Deletes from the outbox and the server, and looks again."""
        async with self.writing(tenant):
            return await forget(self.connection, self.control, tenant, source=source, person=person)

    async def unembedded(self, tenant: Tenant, *, limit: int, again: bool) -> list[Waiting]:
        """Drains the outbox; then the first objects that wait for vectors."""
        if time.monotonic() < self._away_until:
            raise Unavailable(f"Weaviate at {self.connection.url} did not answer just now")
        await self.drain.all(tenant, again=again)
        found: list[Waiting] = []
        condition = Filter.by_property("waiting").equal(True)
        if not again:
            condition &= Filter.by_property("attempts").less_than(_ATTEMPTS)
        for shelf in Shelf if limit else ():
            async with self.connection.client():
                collection = await self.connection.find(shelf, tenant)
                if collection is None:
                    continue
                answer = await collection.query.fetch_objects(
                    filters=condition, limit=limit, return_properties=list(RECORD)
                )
            found += [
                Waiting(shelf=shelf, key=str(item.uuid), record=to_record(item.properties))
                for item in answer.objects
            ]
        return found[:limit]

    async def put_vectors(
        self, tenant: Tenant, rows: Sequence[tuple[Waiting, Sequence[Vector]]], *, model: str
    ) -> None:
        """Stores the vectors of rows that are still there as they were."""
        async with self.writing(tenant):
            for shelf in {one.shelf for one, _ in rows}:
                await self._check_model(tenant, shelf, model)
                some = {str(one.key): (one.record, own) for one, own in rows if one.shelf is shelf}
                # Meanwhile another process may have forgotten or replaced it.
                there = await self._records(tenant, shelf, list(some))
                same = {one: pair for one, pair in some.items() if there.get(one) == pair[0]}
                async with self.connection.client():
                    collection = await self.connection.make(shelf, tenant)
                    refused = await writing.write_vectors(
                        collection,
                        tenant,
                        {one: pair for one, pair in same.items() if pair[1]},
                        models=dict.fromkeys(same, model),
                    )
                    for one, (record, own) in same.items():
                        if not own or record.id in refused:
                            await self._count_attempt(collection, one)
            for one, reason in refused.items():
                _log.error("record %s: Weaviate refused its vectors: %s", one, reason[:300])

    async def waiting(self, tenant: Tenant) -> int:
        """How many rows are in the outbox, and how many objects have no vectors (to 1,000)."""
        found = await asyncio.to_thread(self.control.count, tenant)
        for shelf in Shelf:
            async with self.connection.client():
                collection = await self.connection.find(shelf, tenant)
                if collection is not None:
                    condition = Filter.by_property("waiting").equal(True)
                    found += await writing.count(collection, [condition])
        return found

    async def behind(self) -> list[Tenant]:
        """The tenants with rows in the outbox; when the server answers, those to embed too."""
        found = set(await asyncio.to_thread(self.control.tenants))
        with contextlib.suppress(Unavailable):
            for tenant in await self.tenants():
                if tenant not in found and await self.waiting(tenant):
                    found.add(tenant)
        return sorted(found, key=str)

    async def tenants(self) -> list[Tenant]:
        """The tenants of the outbox and of every collection."""
        found = set(await asyncio.to_thread(self.control.tenants))
        for shelf in Shelf:
            target = await self.connection.target(shelf)
            if target is not None:
                async with self.connection.client() as client:
                    names = await client.collections.get(target).tenants.get()
                found |= {Tenant(name) for name in names}
        return sorted(found, key=str)

    async def models(self, tenant: Tenant) -> list[str]:
        """The models named by any object."""
        found: set[str] = set()
        for shelf in Shelf:
            async with self.connection.client():
                collection = await self.connection.find(shelf, tenant)
                if collection is not None:
                    found |= await _models(collection)
        return sorted(found)

    async def export(self, tenant: Tenant) -> AsyncIterator[Stored]:
        """Every row, and what the server refused and the outbox still has."""
        await self.drain.all(tenant)
        for shelf in Shelf:
            async for stored in copying.stored_rows(self.connection, tenant, shelf):
                yield stored
        for waiting in await asyncio.to_thread(self.control.first, tenant, limit=2**31, again=True):
            yield waiting.stored

    async def reembed(self, embed: Embed, *, model: str, tell: Tell) -> int:
        """Copies every collection with new vectors, and points the alias at the copy."""
        async with self.control.lease(reembedding.REEMBED):
            for tenant in await self.tenants():
                # Whoever writes now is waited for; whoever comes finds the lease above held.
                async with self.control.lease(f"tenant {tenant}"):
                    pass
            done = await reembedding.reembed(self.connection, embed, model=model, tell=tell)
        self.connection.forget_known()
        return done

    async def close(self) -> None:
        """Ends the connection."""
        await self.connection.close()

    @contextlib.asynccontextmanager
    async def writing(self, tenant: Tenant) -> AsyncIterator[None]:
        """Lets this process alone write the tenant, of those that share the control file."""
        async with self.control.lease(f"tenant {tenant}"):
            if await asyncio.to_thread(self.control.is_held, reembedding.REEMBED):
                raise Unavailable("all vectors are being made anew; call again when that is done")
            yield

    async def _records(self, tenant: Tenant, shelf: Shelf, ids: list[str]) -> dict[str, Record]:
        if not ids:
            return {}
        async with self.connection.client():
            collection = await self.connection.find(shelf, tenant)
            if collection is None:
                return {}
            found = await collection.query.fetch_objects(
                filters=Filter.by_id().contains_any(ids),
                limit=len(ids),
                return_properties=list(RECORD),
            )
        return {str(item.uuid): to_record(item.properties) for item in found.objects}

    async def _count_attempt(self, collection: Any, one: str) -> None:
        found = await collection.query.fetch_object_by_id(one, return_properties=["attempts"])
        attempts = int(found.properties.get("attempts") or 0) + 1
        await writing.patch_one(collection, one, {"attempts": attempts})

    async def _check_model(self, tenant: Tenant, shelf: Shelf, model: str) -> None:
        target = await self.connection.target(shelf) or ""
        if (tenant, target, model) in self._checked:
            return
        async with self.connection.client():
            collection = await self.connection.find(shelf, tenant)
            others = set() if collection is None else await _models(collection) - {model}
        if others:
            raise ModelMismatch(known=min(others), asked=model)
        self._checked.add((tenant, target, model))


async def _models(collection: Any) -> set[str]:
    """At most two of the models that made the vectors of a tenant."""
    found: set[str] = set()
    while len(found) < 2:
        condition = Filter.by_property("model").is_none(False)
        for known in found:
            condition &= Filter.by_property("model").not_equal(known)
        answer = await collection.query.fetch_objects(
            filters=condition, limit=1, return_properties=["model"]
        )
        if not answer.objects:
            break
        found.add(str(answer.objects[0].properties["model"]))
    return found
