"""
Every row of a collection read, and every collection made anew with another model.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Any

from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter

from odyssey.adapters.memory_store import Embed, Tell
from odyssey.adapters.weaviate.connection import Connection
from odyssey.adapters.weaviate.objects import chunk_properties, object_id, to_record
from odyssey.adapters.weaviate.schema import VECTOR, make_collection
from odyssey.adapters.weaviate.writing import insert_many
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Stored, Vector

REEMBED = "reembed"
"""The lease that keeps every writer away while all vectors are made anew."""

_PAGE = 64


async def stored_rows(
    connection: Connection, tenant: Tenant, shelf: Shelf
) -> AsyncIterator[Stored]:
    """Every row of one shelf with its vectors, in the order of their object ids."""
    after: Any = None
    while True:
        async with connection.client():
            collection = await connection.find(shelf, tenant)
            if collection is None:
                return
            page = await collection.query.fetch_objects(
                limit=_PAGE, after=after, include_vector=[VECTOR]
            )
            further = await _further(collection, tenant, page.objects)
        if not page.objects:
            return
        for item in page.objects:
            if item.properties.get("chunk"):
                continue
            own = item.vector.get(VECTOR)
            vectors = [own, *further.get(str(item.uuid), [])] if own else []
            yield Stored(
                record=to_record(item.properties),
                shelf=shelf,
                masked=int(item.properties.get("masked") or 0),
                model=str(item.properties["model"]) if vectors else None,
                vectors=tuple(_vector(values) for values in vectors),
            )
        after = page.objects[-1].uuid


async def reembed(connection: Connection, embed: Embed, *, model: str, tell: Tell) -> int:
    """
    Makes every vector of every shelf anew; how many rows. No one else may write meanwhile.

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
            tenants = [Tenant(name) for name in await client.collections.get(old).tenants.get()]
        for tenant in tenants:
            done += await _copy(connection, tenant, old, new, embed=embed, model=model)
            tell(f"{tenant}: {done} rows of {shelf}s embedded with {model}")
        async with connection.client() as client:
            await client.alias.update(alias_name=alias, new_target_collection=new)
            await client.collections.delete(old)
    return done


async def _copy(
    connection: Connection, tenant: Tenant, old: str, new: str, *, embed: Embed, model: str
) -> int:
    """Copies one tenant's rows; how many."""
    after: Any = None
    done = 0
    while True:
        async with connection.client() as client:
            source = client.collections.get(old).with_tenant(tenant.name)
            page = await source.query.fetch_objects(limit=_PAGE, after=after)
        if not page.objects:
            return done
        after = page.objects[-1].uuid
        mains = [item for item in page.objects if not item.properties.get("chunk")]
        records = [to_record(item.properties) for item in mains]
        made = await embed(records) if records else []
        objects: list[tuple[str, DataObject[Any, Any]]] = []
        for item, record, own in zip(mains, records, made, strict=True):
            kept = {name: value for name, value in item.properties.items() if value is not None}
            state: dict[str, Any] = {"waiting": not own, "chunks": len(own), "attempts": 0}
            if own:
                state["model"] = model
            else:
                kept.pop("model", None)
            objects += _objects(
                tenant, str(item.uuid), {**kept, **state}, record=record, own=own, model=model
            )
        async with connection.client() as client:
            target = client.collections.get(new).with_tenant(tenant.name)
            refused = await insert_many(target, objects)
        if refused:
            one, reason = next(iter(refused.items()))
            raise Unavailable(
                f"Weaviate refused {len(refused)} rows of the copy, the first {one!r}: "
                f"{reason[:300]}; nothing was changed, call again"
            )
        done += len(mains)


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


async def _further(
    collection: Any, tenant: Tenant, objects: Sequence[Any]
) -> dict[str, list[list[float]]]:
    """The second and later vectors of those objects that have them, by main object."""
    wanted = [
        (str(item.uuid), object_id(tenant, str(item.properties["record_id"]), chunk=chunk))
        for item in objects
        if not item.properties.get("chunk")
        for chunk in range(1, int(item.properties.get("chunks") or 0))
    ]
    if not wanted:
        return {}
    answer = await collection.query.fetch_objects(
        filters=Filter.by_id().contains_any([one for _, one in wanted]),
        limit=len(wanted),
        include_vector=[VECTOR],
        return_properties=[],
    )
    by_id = {str(item.uuid): item.vector[VECTOR] for item in answer.objects}
    found: dict[str, list[list[float]]] = {}
    for main, one in wanted:
        if one in by_id:
            found.setdefault(main, []).append(by_id[one])
    return found


def _vector(values: Sequence[float]) -> Vector:
    return array("f", values)
