"""
Rows written as objects: in batches, each failure accounted for, neighbours mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter
from weaviate.exceptions import WeaviateInsertManyAllFailedError

from odyssey.adapters.weaviate.objects import (
    RECORD,
    chunk_properties,
    every,
    object_id,
    to_properties,
    to_record,
)
from odyssey.adapters.weaviate.schema import VECTOR
from odyssey.adapters.weaviate.threads import READ, read_around
from odyssey.domain.memory.keys import own_terms
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.stored import Stored, Vector

_BATCH = 64
_BATCH_CHARACTERS = 4_000_000
"""The server takes 100 MB in one call; a character can be 4 bytes, and terms are sent thrice."""

_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows were not there before, and which were refused, by record id."""

    added: int
    refused: Mapping[str, str]


async def write(collection: Any, tenant: Tenant, rows: Sequence[Stored]) -> Written:
    """
    Writes rows of one shelf. Repeatable, also after it was cut off anywhere.

    A row that is there and is the same, or whose first text stays, is not written again
    and keeps its vectors, but its place among its neighbours is looked at: the process
    that wrote it may have been killed before it got to them.
    """
    by_id = {object_id(tenant, row.record.id): row for row in rows}
    known = await _known(collection, list(by_id), whole=not rows[0].shelf.keeps_first)
    stays = {
        one
        for one in known
        if by_id[one].shelf.keeps_first or to_record(known[one]) == by_id[one].record
    }
    objects: dict[str, dict[str, Any]] = {}
    for one, row in by_id.items():
        if one in stays:
            objects[one] = known[one]
        else:
            objects[one] = to_properties(row.record, terms=own_terms(row.record), masked=row.masked)
    patches = await read_around(collection, objects)
    new = [one for one in by_id if one not in stays]
    for one in known:
        if one in new:
            # Its further vectors are of the text that is replaced.
            await collection.data.delete_many(where=Filter.by_property("main").equal(one))
    for one in new:
        objects[one].update(patches.pop(one, {}))
    refused = await _insert(collection, {one: (by_id[one].record, objects[one]) for one in new})
    for one, patch in patches.items():
        await patch_one(collection, one, patch)
    vectors = {
        one: (row.record, row.vectors)
        for one, row in by_id.items()
        if row.vectors and row.record.id not in refused
        and (one in new or known[one].get("waiting"))
    }  # fmt: skip
    models = {one: str(by_id[one].model) for one in vectors}
    refused |= await write_vectors(collection, tenant, vectors, models=models)
    return Written(added=len(set(by_id) - set(known)), refused=refused)


async def patch_one(collection: Any, one: str, patch: Mapping[str, Any]) -> None:
    """Sets properties of one object; its vectors stay."""
    await collection.data.update(uuid=one, properties=dict(patch))


async def write_vectors(
    collection: Any,
    tenant: Tenant,
    vectors: Mapping[str, tuple[Record, Sequence[Vector]]],
    *,
    models: Mapping[str, str],
) -> dict[str, str]:
    """
    Gives objects that are there their vectors; which were refused, by record id, and why.
    """
    if not vectors:
        return {}
    further: list[tuple[str, DataObject[Any, Any]]] = []
    for one, (record, own) in vectors.items():
        for chunk, vector in enumerate(own):
            if chunk:
                properties = chunk_properties(record, chunk=chunk, main=one, model=models[one])
                further.append(
                    (
                        record.id,
                        DataObject(
                            uuid=object_id(tenant, record.id, chunk=chunk),
                            properties=properties,
                            vector={VECTOR: list(vector)},
                        ),
                    )
                )
    refused = await insert_many(collection, further)
    # Last, so that a record whose vectors were cut off in the middle is still waiting.
    whole = await collection.query.fetch_objects(
        filters=Filter.by_id().contains_any(list(vectors)), limit=len(vectors)
    )
    mains: list[tuple[str, DataObject[Any, Any]]] = []
    for item in whole.objects:
        one = str(item.uuid)
        record, own = vectors[one]
        if record.id in refused:
            continue
        properties = {name: value for name, value in item.properties.items() if value is not None}
        mains.append(
            (
                record.id,
                DataObject(
                    uuid=one,
                    properties={
                        **properties,
                        "waiting": False,
                        "model": models[one],
                        "chunks": len(own),
                    },
                    vector={VECTOR: list(own[0])},
                ),
            )
        )
    return {**refused, **await insert_many(collection, mains)}


async def insert_many(
    collection: Any, objects: Sequence[tuple[str, DataObject[Any, Any]]]
) -> dict[str, str]:
    """
    Upserts objects, given with their record's id; which records were refused, and why.

    The client does not raise for an object that fails in a batch: it must be asked. It
    raises when all of them fail, and then does not say which one why.
    """
    refused: dict[str, str] = {}
    for some in _batches(objects):
        try:
            answer = await collection.data.insert_many([one for _, one in some])
        except WeaviateInsertManyAllFailedError as error:
            if len(some) == 1:
                refused[some[0][0]] = str(error)
            for one in some if len(some) > 1 else ():
                refused |= await insert_many(collection, [one])
            continue
        for index, refusal in answer.errors.items():
            refused[some[index][0]] = str(refusal.message)
    return refused


async def count(collection: Any, conditions: Sequence[Any]) -> int:
    """How many objects meet all *conditions*, at most a thousand."""
    found = await collection.query.fetch_objects(
        filters=every(conditions), limit=_MOST, return_properties=[]
    )
    return len(found.objects)


async def _known(collection: Any, ids: list[str], *, whole: bool) -> dict[str, dict[str, Any]]:
    found = await collection.query.fetch_objects(
        filters=Filter.by_id().contains_any(ids),
        limit=len(ids),
        return_properties=sorted({*READ, "waiting", *(RECORD if whole else ())}),
    )
    return {str(item.uuid): dict(item.properties) for item in found.objects}


async def _insert(
    collection: Any, objects: Mapping[str, tuple[Record, Mapping[str, Any]]]
) -> dict[str, str]:
    return await insert_many(
        collection,
        [
            (record.id, DataObject(properties=dict(properties), uuid=one))
            for one, (record, properties) in objects.items()
        ],
    )


def _batches(
    objects: Sequence[tuple[str, DataObject[Any, Any]]],
) -> Iterator[Sequence[tuple[str, DataObject[Any, Any]]]]:
    """*objects* in pieces that the server takes in one call."""
    start = size = 0
    for index, (_, one) in enumerate(objects):
        length = sum(
            len(value) for value in (one.properties or {}).values() if isinstance(value, str)
        )
        if index > start and (index - start == _BATCH or size + length > _BATCH_CHARACTERS):
            yield objects[start:index]
            start, size = index, 0
        size += length
    if start < len(objects):
        yield objects[start:]
