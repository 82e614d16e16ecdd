"""
Keys among neighbours: what a thread's objects must say of one another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from weaviate.classes.query import Filter, Sort

from odyssey.domain.memory.keys import REACH, window_terms

_MOST = 10_000
"""Objects of one thread that are read; Weaviate's own limit for one answer."""

_READ = ["terms", "occurred", "moment", "record_id", "nearby", "before", "after"]


@dataclass(frozen=True, slots=True)
class Thread:
    """
    Objects about to be added to one thread, as (id, properties).

    With no name they stand alone; with none added, the whole thread is looked at.
    """

    name: str | None
    added: tuple[tuple[str, dict[str, Any]], ...]


async def read_around(collection: Any, thread: Thread) -> dict[str, dict[str, Any]]:
    """
    What to set on which object: `nearby`, `before` and `after` of the added ones and of
    the neighbours for whom something changes.
    """
    if thread.name is None:
        return {one: _patch(properties, before=[], after=[]) for one, properties in thread.added}
    added = dict(thread.added)
    here = Filter.by_property("thread").equal(thread.name) & Filter.by_property("chunk").equal(0)
    known = await _neighbours(collection, here, [one["moment"] for one in added.values()])
    rows = sorted(
        {**known, **added}.items(), key=lambda row: (row[1]["moment"], row[1]["record_id"])
    )
    patches: dict[str, dict[str, Any]] = {}
    for index, (one, properties) in enumerate(rows):
        whole = not added or one in added
        # At the rim of what was read, an object's own neighbours are not known.
        near_added = any(
            other in added for other, _ in rows[max(index - REACH, 0) : index + REACH + 1]
        )
        if not (whole or near_added):
            continue
        patch = _patch(
            properties,
            before=rows[max(index - REACH, 0) : index][::-1],
            after=rows[index + 1 : index + 1 + REACH],
        )
        if one in added or any(patch[name] != properties.get(name) for name in patch):
            patches[one] = patch
    return patches


async def _neighbours(
    collection: Any, here: Any, moments: Iterable[float]
) -> dict[str, dict[str, Any]]:
    moments = list(moments)
    by_time = Sort.by_property("moment", ascending=True)
    if not moments:
        return await _fetch(collection, here, by_time, limit=_MOST)
    first, last = min(moments), max(moments)
    moment = Filter.by_property("moment")
    newest_first = Sort.by_property("moment", ascending=False)
    return {
        **await _fetch(collection, here & moment.less_than(first), newest_first, limit=2 * REACH),
        **await _fetch(
            collection,
            here & moment.greater_or_equal(first) & moment.less_or_equal(last),
            by_time,
            limit=_MOST,
        ),
        **await _fetch(collection, here & moment.greater_than(last), by_time, limit=2 * REACH),
    }


async def _fetch(
    collection: Any, condition: Any, order: Any, *, limit: int
) -> dict[str, dict[str, Any]]:
    answer = await collection.query.fetch_objects(
        filters=condition, sort=order, limit=limit, return_properties=_READ
    )
    return {str(item.uuid): dict(item.properties) for item in answer.objects}


def _patch(
    properties: dict[str, Any],
    *,
    before: list[tuple[str, dict[str, Any]]],
    after: list[tuple[str, dict[str, Any]]],
) -> dict[str, Any]:
    key = window_terms(
        _terms(properties),
        before=[_terms(other) for _, other in before],
        after=[_terms(other) for _, other in after],
        moment=datetime.fromisoformat(str(properties["occurred"])),
    )
    return {
        "nearby": " ".join(key),
        "before": before[0][0] if before else "",
        "after": after[0][0] if after else "",
    }


def _terms(properties: dict[str, Any]) -> list[str]:
    return str(properties["terms"] or "").split()
