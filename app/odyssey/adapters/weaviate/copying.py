"""
Every row of a collection read, with its vectors.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Any

from weaviate.classes.query import Filter

from odyssey.adapters.weaviate.connection import Connection
from odyssey.adapters.weaviate.objects import object_id, to_record
from odyssey.adapters.weaviate.schema import VECTOR
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Stored, Vector

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
