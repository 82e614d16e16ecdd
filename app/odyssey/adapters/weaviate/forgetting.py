"""
Forgetting on the server and in the outbox, and the proof of it.
"""

from __future__ import annotations

import asyncio

from weaviate.classes.query import BM25Operator, Filter

from odyssey.adapters.control import Control
from odyssey.adapters.weaviate.connection import Connection
from odyssey.adapters.weaviate.objects import from_origin
from odyssey.adapters.weaviate.writing import count, delete_origin
from odyssey.domain.memory.record import Tenant, login_of
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Forgotten
from odyssey.domain.memory.terms import terms

_MOST_MENTIONS = 1_000


async def forget(
    connection: Connection,
    control: Control,
    tenant: Tenant,
    *,
    source: str | None,
    person: str | None,
) -> Forgotten:
    """
    Deletes what came from a source or a person; the caller holds the tenant's lease.

    The server takes deleted text out of its files when it next compacts them.
    """
    waiting = await asyncio.to_thread(control.forget, tenant, source=source, person=person)
    deleted: dict[Shelf, tuple[str, ...]] = dict(waiting)
    left = mentions = 0
    for shelf in Shelf:
        async with connection.client():
            collection = await connection.find(shelf, tenant)
            if collection is None:
                continue
            ids = await delete_origin(collection, source=source, person=person)
            if ids:
                deleted[shelf] = tuple(dict.fromkeys((*deleted.get(shelf, ()), *ids)))
            left += await count(collection, [from_origin(source=source, person=person)])
            words = terms(login_of(person)) if person is not None else []
            if words:
                found = await collection.query.bm25(
                    " ".join(words),
                    query_properties=["terms"],
                    operator=BM25Operator.and_(),
                    filters=Filter.by_property("chunk").equal(0),
                    limit=_MOST_MENTIONS,
                    return_properties=[],
                )
                mentions += len(found.objects)
    left += await asyncio.to_thread(control.count, tenant, source=source, person=person)
    return Forgotten(deleted=deleted, left=left, mentions=mentions)
