"""
One recall in one tenant: the arms are asked at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from weaviate.classes.query import Filter, MetadataQuery, Sort

from odyssey.adapters.memory_store import Hit, Query
from odyssey.adapters.weaviate.objects import every, matching
from odyssey.adapters.weaviate.schema import VECTOR

_POOL = 120

_PLACE = ["actor", "occurred", "before", "after", "main", "model"]
"""What is read of every candidate; whole records are read of those that are told."""


@dataclass(slots=True)
class _Candidate:
    id: str
    properties: Mapping[str, Any]
    vector: list[float] | None
    words: float = 0.0
    nearby: float = 0.0
    chunk_cosine: float = -1.0


async def search(collection: Any, query: Query) -> tuple[list[Hit], list[Hit]]:
    """What the arms find in *collection*, bound to one tenant, and the newest of the rest."""
    narrowed = matching(query.scope, query.kinds, query.where)
    pool = await _pool(collection, query, narrowed)
    around = await _around(collection, narrowed, pool) if query.vector else {}
    rest = await _newest(collection, narrowed, limit=query.rest + len(pool)) if query.rest else {}
    cosines = _cosines({**rest, **around, **pool}, query)
    return (
        [_hit(found, cosines) for found in {**around, **pool}.values()],
        [_hit(found, cosines) for found in rest.values()],
    )


async def _pool(collection: Any, query: Query, narrowed: list[Any]) -> dict[str, _Candidate]:
    """What any arm finds, by object id."""
    words = " ".join(query.question.terms)
    calls: list[Any] = []
    if words:
        for name in ("terms", "nearby"):
            calls.append(
                collection.query.bm25(
                    words,
                    query_properties=[name],
                    filters=every(narrowed),
                    limit=_POOL,
                    include_vector=[VECTOR],
                    return_properties=_PLACE,
                    return_metadata=MetadataQuery(score=True),
                )
            )
    if query.vector is not None:
        same_model = Filter.by_property("model").equal(query.model)
        calls.append(
            collection.query.near_vector(
                list(query.vector),
                target_vector=VECTOR,
                filters=every([*narrowed, same_model]),
                limit=_POOL,
                include_vector=[VECTOR],
                return_properties=_PLACE,
                return_metadata=MetadataQuery(distance=True),
            )
        )
    answers = await asyncio.gather(*calls)
    pool: dict[str, _Candidate] = {}
    if words:
        for name, answer in zip(("words", "nearby"), answers[:2], strict=True):
            for item in answer.objects:
                found = pool.setdefault(str(item.uuid), _candidate(item))
                setattr(found, name, float(item.metadata.score or 0.0))
    if query.vector is not None:
        await _add_closest(collection, pool, answers[-1].objects)
    return pool


async def _add_closest(
    collection: Any, pool: dict[str, _Candidate], objects: Iterable[Any]
) -> None:
    further: dict[str, float] = {}
    for item in objects:
        main = item.properties.get("main")
        if main:
            cosine = 1.0 - float(item.metadata.distance)
            further[str(main)] = max(further.get(str(main), -1.0), cosine)
        else:
            pool.setdefault(str(item.uuid), _candidate(item))
    pool.update(await _by_ids(collection, [one for one in further if one not in pool]))
    for one, cosine in further.items():
        if one in pool:
            pool[one].chunk_cosine = cosine


async def _around(
    collection: Any, narrowed: list[Any], pool: Mapping[str, _Candidate]
) -> dict[str, _Candidate]:
    """The neighbours of what was found, for their vectors, and as candidates of their own."""
    wanted = dict.fromkeys(
        str(near)
        for found in pool.values()
        for near in (found.properties.get("before"), found.properties.get("after"))
        if near and near not in pool
    )
    return await _by_ids(collection, list(wanted), narrowed)


async def _by_ids(
    collection: Any, ids: list[str], narrowed: Iterable[Any] = ()
) -> dict[str, _Candidate]:
    if not ids:
        return {}
    answer = await collection.query.fetch_objects(
        filters=every([Filter.by_id().contains_any(ids), *narrowed]),
        limit=len(ids),
        include_vector=[VECTOR],
        return_properties=_PLACE,
    )
    return {str(item.uuid): _candidate(item) for item in answer.objects}


async def _newest(collection: Any, narrowed: list[Any], *, limit: int) -> dict[str, _Candidate]:
    answer = await collection.query.fetch_objects(
        filters=every([*narrowed, Filter.by_property("chunk").equal(0)]),
        sort=Sort.by_property("moment", ascending=False),
        limit=limit,
        include_vector=[VECTOR],
        return_properties=_PLACE,
    )
    return {str(item.uuid): _candidate(item) for item in answer.objects}


def _candidate(item: Any) -> _Candidate:
    return _Candidate(id=str(item.uuid), properties=item.properties, vector=item.vector.get(VECTOR))


def _cosines(pool: Mapping[str, _Candidate], query: Query) -> dict[str, float]:
    """By object id, of those that have a vector of the same model."""
    there = [
        found
        for found in pool.values()
        if found.vector and found.properties.get("model") == query.model
    ]
    if query.vector is None or not there:
        return {}
    matrix = np.asarray([found.vector for found in there], dtype=np.float32)
    values = (matrix @ np.asarray(query.vector, dtype=np.float32)).tolist()
    return {
        found.id: max(value, found.chunk_cosine) for found, value in zip(there, values, strict=True)
    }


def _hit(found: _Candidate, cosines: Mapping[str, float]) -> Hit:
    own, before, after = (
        cosines.get(str(near), 0.0)
        for near in (found.id, found.properties.get("before"), found.properties.get("after"))
    )
    actor = found.properties.get("actor")
    return Hit(
        key=found.id,
        actor=None if actor is None else str(actor),
        occurred_at=datetime.fromisoformat(str(found.properties["occurred"])),
        words=found.words,
        nearby=found.nearby,
        own=own,
        before=before,
        after=after,
    )
