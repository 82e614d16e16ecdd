"""
Forgetting on the server and in the outbox, and the proof of it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from weaviate.classes.query import BM25Operator, Filter

from odyssey.adapters.control import Control
from odyssey.adapters.weaviate.connection import Connection
from odyssey.adapters.weaviate.objects import from_origin
from odyssey.adapters.weaviate.threads import Group, read_whole
from odyssey.adapters.weaviate.writing import count, patch_one
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant, login_of
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Forgotten
from odyssey.domain.memory.terms import terms

_MOST_MENTIONS = 1_000

_PAGE = 1_000

_MOST_LISTED = 10_000
"""Of one shelf; the server gives no more to one question."""


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

    Cut off anywhere, it is ended by its repeat. Each call to the server has its own
    end, so that much to forget takes long and not for ever.
    The server takes deleted text out of its files when it next compacts them.
    """
    waiting = await asyncio.to_thread(control.forget, tenant, source=source, person=person)
    deleted: dict[Shelf, tuple[str, ...]] = dict(waiting)
    condition = from_origin(source=source, person=person)
    words = terms(login_of(person)) if person is not None else []
    left = mentions = 0
    for shelf in Shelf:
        collection = await connection.find(shelf, tenant)
        if collection is None:
            continue
        ids, groups = await _delete(connection, collection, condition)
        if ids:
            deleted[shelf] = tuple(dict.fromkeys((*deleted.get(shelf, ()), *ids)))
        for group in groups:
            async with connection.client():
                left += len(await read_whole(collection, group, without=condition))
        async with connection.client():
            left += await count(collection, [condition])
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


async def ids_from(
    connection: Connection,
    control: Control,
    tenant: Tenant,
    *,
    source: str | None,
    person: str | None,
) -> list[str]:
    """The ids of what `forget` would delete, in the outbox and on the server; of very many some."""
    ids = dict.fromkeys(
        await asyncio.to_thread(control.ids_from, tenant, source=source, person=person)
    )
    for shelf in Shelf:
        collection = await connection.find(shelf, tenant)
        if collection is None:
            continue
        async with connection.client():
            found = await collection.query.fetch_objects(
                filters=from_origin(source=source, person=person),
                limit=_MOST_LISTED,
                return_properties=["record_id"],
            )
        ids |= {str(item.properties["record_id"]): None for item in found.objects}
    return list(ids)


async def _delete(
    connection: Connection, collection: Any, condition: Any
) -> tuple[tuple[str, ...], set[Group]]:
    """
    Deletes what meets the condition; the ids of the records, and the groups they were in.

    The neighbours are mended first: a forgotten object that is still there is found by
    the repeat, and its words in the keys of others, once it is gone, by nobody.
    """
    ids: dict[str, None] = {}
    mended: set[Group] = set()
    while True:
        async with connection.client():
            found = await collection.query.fetch_objects(
                filters=condition,
                limit=_PAGE,
                return_properties=["record_id", "thread", "tier", "owner"],
            )
        if not found.objects:
            return tuple(ids), mended
        ids |= {str(item.properties["record_id"]): None for item in found.objects}
        groups = {group for item in found.objects if (group := Group.of(item.properties))}
        for group in groups - mended:
            await _mend(connection, collection, group, without=condition)
        mended |= groups
        async with connection.client():
            # Only what was listed: of the others nobody has looked at the neighbours yet.
            listed = Filter.by_id().contains_any([str(item.uuid) for item in found.objects])
            answer = await collection.data.delete_many(where=condition & listed)
        if answer.failed:
            raise Unavailable(f"{answer.failed} objects were not deleted; call again")


async def _mend(connection: Connection, collection: Any, group: Group, *, without: Any) -> None:
    async with connection.client():
        patches = await read_whole(collection, group, without=without)
    for one, patch in patches.items():
        async with connection.client():
            await patch_one(collection, one, patch)
