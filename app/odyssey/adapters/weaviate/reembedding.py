"""
Every collection made anew with another model, and nothing lost that comes meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter, MetadataQuery

from odyssey.adapters.memory_store import Embed, Tell
from odyssey.adapters.weaviate.connection import Connection
from odyssey.adapters.weaviate.objects import chunk_properties, object_id, to_record
from odyssey.adapters.weaviate.schema import VECTOR, make_collection
from odyssey.adapters.weaviate.writing import insert_many
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Vector

REEMBED = "reembed"
"""The lease that keeps every writer away while all vectors are made anew."""

_PAGE = 64
_LISTED = 1_000


async def reembed(connection: Connection, embed: Embed, *, model: str, tell: Tell) -> int:
    """
    Makes every vector of every shelf anew; how many rows. No one else may write meanwhile.

    Somebody may all the same: on another machine, or when a clock jumped and the lease was
    over. What is written to the old collection is therefore looked for before the alias is
    pointed at the copy and after it, and only then is the old one deleted.

    A copy that was cut off is begun anew, not gone on with: what was forgotten since
    must not come back.
    """
    done = 0
    for shelf in Shelf:
        old = await connection.target(shelf)
        if old is None:
            continue
        alias = connection.alias(shelf)
        new = f"{alias}_{hashlib.sha256(model.encode()).hexdigest()[:10]}"
        if new == old:
            # The same model again, for instance with other weights.
            new = f"{new}b"
        async with connection.client() as client:
            for name in await client.collections.list_all():
                if name.startswith(f"{alias}_") and name != old:
                    await client.collections.delete(name)
            await make_collection(client, new)
        copies: dict[Tenant, _Copy] = {}
        for tenant in await _tenants(connection, old):
            copies[tenant] = _Copy(
                connection=connection, tenant=tenant, old=old, new=new, model=model
            )
            done += await copies[tenant].make(embed)
            done += await copies[tenant].settle(embed)
            tell(f"{tenant}: {done} rows of {shelf}s embedded with {model}")
        async with connection.client() as client:
            await client.alias.update(alias_name=alias, new_target_collection=new)
        for tenant in await _tenants(connection, old):
            late = copies.get(tenant) or _Copy(
                connection=connection, tenant=tenant, old=old, new=new, model=model
            )
            # Whoever catches up embeds these: a model that is away now must not end this.
            done += await late.settle(_no_vectors)
        async with connection.client() as client:
            await client.collections.delete(old)
    return done


async def _tenants(connection: Connection, name: str) -> list[Tenant]:
    async with connection.client() as client:
        return [Tenant(one) for one in await client.collections.get(name).tenants.get()]


async def _no_vectors(records: Sequence[Record]) -> list[tuple[Vector, ...]]:
    return [() for _ in records]


@dataclass(slots=True, kw_only=True)
class _Copy:
    """One tenant's rows of the collection *old*, made anew in the collection *new*."""

    connection: Connection
    tenant: Tenant
    old: str
    new: str
    model: str
    _copied: set[str] = field(default_factory=set)

    async def make(self, embed: Embed) -> int:
        """Copies every row; how many."""
        after: Any = None
        while True:
            async with self.connection.client() as client:
                source = client.collections.get(self.old).with_tenant(self.tenant.name)
                page = await source.query.fetch_objects(limit=_PAGE, after=after)
            if not page.objects:
                return len(self._copied)
            after = page.objects[-1].uuid
            mains = [item for item in page.objects if not item.properties.get("chunk")]
            await self._put(mains, embed)

    async def settle(self, embed: Embed) -> int:
        """
        Does to the copy what was done to the old collection since it was read; rows added.

        What was changed in the copy itself, once the alias was pointed at it, stays: the
        server's own times say which of two objects is the later, and what was copied and
        is gone from the copy was forgotten there.
        """
        known = len(self._copied)
        there: set[str] = set()
        after: Any = None
        while True:
            async with self.connection.client() as client:
                source = client.collections.get(self.old).with_tenant(self.tenant.name)
                page = await source.query.fetch_objects(
                    limit=_LISTED,
                    after=after,
                    return_properties=["chunk"],
                    return_metadata=MetadataQuery(last_update_time=True),
                )
            if not page.objects:
                break
            after = page.objects[-1].uuid
            listed = {
                str(item.uuid): item.metadata.last_update_time
                for item in page.objects
                if not item.properties.get("chunk")
            }
            there |= listed.keys()
            await self._put_changed(listed, embed)
        gone = sorted(self._copied - there)
        for start in range(0, len(gone), _LISTED):
            some = gone[start : start + _LISTED]
            async with self.connection.client() as client:
                target = client.collections.get(self.new).with_tenant(self.tenant.name)
                await target.data.delete_many(where=_whole(some))
        self._copied &= there
        return len(self._copied) + len(gone) - known

    async def _put_changed(self, listed: Mapping[str, Any], embed: Embed) -> None:
        """Of the objects *listed* with their times, copies those that the copy has not so."""
        if not listed:
            return
        async with self.connection.client() as client:
            target = client.collections.get(self.new).with_tenant(self.tenant.name)
            found = await target.query.fetch_objects(
                filters=Filter.by_id().contains_any(list(listed)),
                limit=len(listed),
                return_properties=[],
                return_metadata=MetadataQuery(last_update_time=True),
            )
        made = {str(item.uuid): item.metadata.last_update_time for item in found.objects}
        changed = [
            one
            for one, when in listed.items()
            if (one not in self._copied if one not in made else when >= made[one])
        ]
        for start in range(0, len(changed), _PAGE):
            some = changed[start : start + _PAGE]
            async with self.connection.client() as client:
                source = client.collections.get(self.old).with_tenant(self.tenant.name)
                target = client.collections.get(self.new).with_tenant(self.tenant.name)
                page = await source.query.fetch_objects(
                    filters=Filter.by_id().contains_any(some), limit=len(some)
                )
                # Its further vectors may be of a longer text that was replaced.
                further = [one for one in some if one in made]
                if further:
                    await target.data.delete_many(
                        where=Filter.by_property("main").contains_any(further)
                    )
            await self._put(page.objects, embed)

    async def _put(self, mains: Sequence[Any], embed: Embed) -> None:
        records = [to_record(item.properties) for item in mains]
        made = await embed(records) if records else []
        objects: list[tuple[str, DataObject[Any, Any]]] = []
        for item, record, own in zip(mains, records, made, strict=True):
            kept = {name: value for name, value in item.properties.items() if value is not None}
            state: dict[str, Any] = {"waiting": not own, "chunks": len(own), "attempts": 0}
            if own:
                state["model"] = self.model
            else:
                kept.pop("model", None)
            objects += _objects(
                self.tenant,
                str(item.uuid),
                {**kept, **state},
                record=record,
                own=own,
                model=self.model,
            )
        async with self.connection.client() as client:
            target = client.collections.get(self.new).with_tenant(self.tenant.name)
            refused = await insert_many(target, objects)
        if refused:
            one, reason = next(iter(refused.items()))
            raise Unavailable(
                f"Weaviate refused {len(refused)} rows of the copy, the first {one!r}: "
                f"{reason[:300]}; the old rows stay, call again"
            )
        self._copied |= {str(item.uuid) for item in mains}


def _whole(mains: Sequence[str]) -> Any:
    """The condition of records' own objects, and of those that hold their further vectors."""
    return Filter.by_id().contains_any(mains) | Filter.by_property("main").contains_any(mains)


def _objects(
    tenant: Tenant,
    main: str,
    properties: dict[str, Any],
    *,
    record: Any,
    own: Sequence[Vector],
    model: str,
) -> list[tuple[str, DataObject[Any, Any]]]:
    vector = {VECTOR: list(own[0])} if own else None
    made: list[tuple[str, DataObject[Any, Any]]] = [
        (record.id, DataObject(uuid=main, properties=properties, vector=vector))
    ]
    for chunk, values in enumerate(own):
        if chunk:
            made.append(
                (
                    record.id,
                    DataObject(
                        uuid=object_id(tenant, record.id, chunk=chunk),
                        properties=chunk_properties(record, chunk=chunk, main=main, model=model),
                        vector={VECTOR: list(values)},
                    ),
                )
            )
    return made
