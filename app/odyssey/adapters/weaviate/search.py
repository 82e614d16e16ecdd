"""
One recall in one tenant: the arms are asked at once, fused here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from weaviate.classes.query import Filter, MetadataQuery, Sort

from odyssey.adapters.embedding import Vector
from odyssey.adapters.weaviate.objects import Found, every, matching, to_record
from odyssey.adapters.weaviate.schema import VECTOR
from odyssey.domain.memory.asking import Question
from odyssey.domain.memory.fusion import Candidate, Weights, fuse, meaning_nearby
from odyssey.domain.memory.record import Recollection

_POOL = 120
_AROUND = 60
"""Of the objects closest in meaning, those whose neighbours are looked at too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for; `model` names the vectors that may be compared with `vector`."""

    question: Question
    limit: int
    kinds: tuple[str, ...]
    where: Mapping[str, str]
    vector: Vector | None
    model: str


async def recall(collection: Any, request: Request, weights: Weights) -> list[Recollection]:
    """The answer to *request* from *collection*, which is bound to one tenant."""
    narrowed = matching(request.kinds, request.where)
    pool = await _pool(collection, request, narrowed)
    around = await _around(collection, request, narrowed, pool) if request.vector else {}
    cosines = _cosines({**around, **pool}, request)
    ranked = fuse(
        [_candidate(found, request.question, cosines) for found in {**pool, **around}.values()],
        weights,
        limit=4 * request.limit + 20,
    )
    everything = {**around, **pool}
    answer = [
        Recollection(
            record=to_record(everything[str(one.candidate.key)].properties),
            score=one.score,
            similarity=cosines.get(str(one.candidate.key), 0.0),
            matched=one.matched,
        )
        for one in ranked
    ]
    if not request.question.text.strip():
        return await _newest(collection, request, narrowed, set())
    answer = _told_once(answer)[: request.limit]
    if request.where and len(answer) < request.limit:
        seen = {one.record.id for one in answer}
        answer += await _newest(collection, request, narrowed, seen)
    return answer[: request.limit]


async def _pool(collection: Any, request: Request, narrowed: list[Any]) -> dict[str, Found]:
    """What any arm finds, by object id."""
    words = " ".join(request.question.terms)
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
                    return_metadata=MetadataQuery(score=True),
                )
            )
    if request.vector is not None:
        same_model = Filter.by_property("model").equal(request.model)
        calls.append(
            collection.query.near_vector(
                list(request.vector),
                target_vector=VECTOR,
                filters=every([*narrowed, same_model]),
                limit=_POOL,
                include_vector=[VECTOR],
                return_metadata=MetadataQuery(distance=True),
            )
        )
    answers = await asyncio.gather(*calls)
    pool: dict[str, Found] = {}
    if words:
        for name, answer in zip(("words", "nearby"), answers[:2], strict=True):
            for item in answer.objects:
                found = pool.setdefault(str(item.uuid), _found(item))
                setattr(found, name, float(item.metadata.score or 0.0))
    if request.vector is not None:
        await _add_closest(collection, pool, answers[-1].objects)
    return pool


async def _add_closest(collection: Any, pool: dict[str, Found], objects: Iterable[Any]) -> None:
    further: dict[str, float] = {}
    for item in objects:
        main = item.properties.get("main")
        if main:
            cosine = 1.0 - float(item.metadata.distance)
            further[str(main)] = max(further.get(str(main), -1.0), cosine)
        else:
            pool.setdefault(str(item.uuid), _found(item))
    pool.update(await _by_ids(collection, [one for one in further if one not in pool]))
    for one, cosine in further.items():
        if one in pool:
            pool[one].chunk_cosine = cosine


async def _around(
    collection: Any, request: Request, narrowed: list[Any], pool: Mapping[str, Found]
) -> dict[str, Found]:
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
) -> dict[str, Found]:
    if not ids:
        return {}
    answer = await collection.query.fetch_objects(
        filters=every([Filter.by_id().contains_any(ids), *narrowed]),
        limit=len(ids),
        include_vector=[VECTOR],
    )
    return {str(item.uuid): _found(item) for item in answer.objects}


async def _newest(
    collection: Any, request: Request, narrowed: list[Any], seen: set[str]
) -> list[Recollection]:
    answer = await collection.query.fetch_objects(
        filters=every([*narrowed, Filter.by_property("chunk").equal(0)]),
        sort=Sort.by_property("moment", ascending=False),
        limit=request.limit + len(seen),
    )
    records = [to_record(item.properties) for item in answer.objects]
    return [
        Recollection(record=record, score=0.0, similarity=0.0, matched=())
        for record in records
        if record.id not in seen
    ][: request.limit]


def _found(item: Any) -> Found:
    return Found(id=str(item.uuid), properties=item.properties, vector=item.vector.get(VECTOR))


def _cosines(pool: Mapping[str, Found], request: Request) -> dict[str, float]:
    """By object id, of those that have a vector of the same model."""
    there = [
        found
        for found in pool.values()
        if found.vector and found.properties.get("model") == request.model
    ]
    if request.vector is None or not there:
        return {}
    matrix = np.asarray([found.vector for found in there], dtype=np.float32)
    values = (matrix @ np.asarray(request.vector, dtype=np.float32)).tolist()
    return {
        found.id: max(value, found.chunk_cosine) for found, value in zip(there, values, strict=True)
    }


def _candidate(found: Found, question: Question, cosines: Mapping[str, float]) -> Candidate:
    own, before, after = (
        cosines.get(str(near), 0.0)
        for near in (found.id, found.properties.get("before"), found.properties.get("after"))
    )
    moment = datetime.fromisoformat(str(found.properties["occurred"]))
    return Candidate(
        key=found.id,
        words=found.words,
        nearby=found.nearby,
        meaning=own,
        meaning_nearby=meaning_nearby(own, before, after),
        time=question.is_about(moment),
        actor=question.names(found.properties.get("actor")),
        recency=question.recency(moment),
    )


def _told_once(answer: list[Recollection]) -> list[Recollection]:
    told: dict[tuple[str, str | None, str | None, str], Recollection] = {}
    for one in answer:
        record = one.record
        told.setdefault((record.kind, record.actor, record.thread, record.text), one)
    return list(told.values())
