"""
Keys among neighbours: what a thread's objects must say of one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from weaviate.classes.query import Filter, Sort

from odyssey.domain.memory.keys import REACH, window_terms

_MOST = 10_000
"""Objects that are read in one answer; Weaviate's own limit."""

_PAGE = 1_000

READ = (
    "terms", "occurred", "moment", "record_id", "nearby", "before", "after", "thread", "tier",
    "owner",
)  # fmt: skip
"""The properties of an object that its place among its neighbours rests on."""


@dataclass(frozen=True, slots=True)
class Group:
    """Objects that can be neighbours: of one thread, belonging to the same people."""

    thread: str
    tier: str
    owner: str

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Group | None:
        """An object's group; None for one that stands alone."""
        thread = properties.get("thread")
        if thread is None:
            return None
        return cls(str(thread), str(properties["tier"]), str(properties.get("owner") or ""))

    def condition(self) -> Any:
        """The own objects of the group."""
        here = (
            Filter.by_property("thread").equal(self.thread)
            & Filter.by_property("tier").equal(self.tier)
            & Filter.by_property("chunk").equal(0)
        )
        return here & Filter.by_property("owner").equal(self.owner) if self.owner else here


async def read_around(
    collection: Any, objects: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """
    What to set on which object, so that the keys of *objects* and of their neighbours are right.

    *objects* may be there already, or about to be added. Of what is there and
    right nothing is said.
    """
    patches: dict[str, dict[str, Any]] = {}
    groups: dict[Group, dict[str, Mapping[str, Any]]] = {}
    for one, properties in objects.items():
        group = Group.of(properties)
        if group is None:
            _add(patches, one, properties, before=[], after=[])
        else:
            groups.setdefault(group, {})[one] = properties
    for group, members in groups.items():
        moments = [float(one["moment"]) for one in members.values()]
        known = await _neighbours(collection, group.condition(), moments)
        _refresh({**known, **members}, set(members), patches)
    return patches


async def read_whole(collection: Any, group: Group, *, without: Any) -> dict[str, dict[str, Any]]:
    """The same for a whole group, as if what meets the condition *without* were not there."""
    known = await _all(collection, group.condition() & Filter.not_(without))
    patches: dict[str, dict[str, Any]] = {}
    _refresh(known, set(known), patches)
    return patches


def _refresh(
    objects: Mapping[str, Mapping[str, Any]], changed: set[str], patches: dict[str, dict[str, Any]]
) -> None:
    rows = sorted(objects.items(), key=lambda row: (row[1]["moment"], row[1]["record_id"]))
    for index, (one, properties) in enumerate(rows):
        # At the rim of what was read, an object's own neighbours are not known.
        if any(other in changed for other, _ in rows[max(index - REACH, 0) : index + REACH + 1]):
            _add(
                patches,
                one,
                properties,
                before=rows[max(index - REACH, 0) : index][::-1],
                after=rows[index + 1 : index + 1 + REACH],
            )


def _add(
    patches: dict[str, dict[str, Any]],
    one: str,
    properties: Mapping[str, Any],
    *,
    before: list[tuple[str, Mapping[str, Any]]],
    after: list[tuple[str, Mapping[str, Any]]],
) -> None:
    key = window_terms(
        _terms(properties),
        before=[_terms(other) for _, other in before],
        after=[_terms(other) for _, other in after],
        moment=datetime.fromisoformat(str(properties["occurred"])),
    )
    patch = {
        "nearby": " ".join(key),
        "before": before[0][0] if before else "",
        "after": after[0][0] if after else "",
    }
    if any(patch[name] != properties.get(name) for name in patch):
        patches[one] = patch


async def _neighbours(
    collection: Any, here: Any, moments: Sequence[float]
) -> dict[str, dict[str, Any]]:
    first, last = min(moments), max(moments)
    moment = Filter.by_property("moment")
    by_time = Sort.by_property("moment", ascending=True)
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


async def _all(collection: Any, here: Any) -> dict[str, dict[str, Any]]:
    """Every object of *here*; of one and the same moment at most `_MOST`."""
    found: dict[str, dict[str, Any]] = {}
    condition, limit = here, _PAGE
    while True:
        page = await _fetch(
            collection, condition, Sort.by_property("moment", ascending=True), limit=limit
        )
        is_new = not page.keys() <= found.keys()
        found |= page
        if len(page) < limit or (not is_new and limit == _MOST):
            return found
        if not is_new:
            # More are of one moment than fit in a page.
            limit = _MOST
        last = max(float(one["moment"]) for one in page.values())
        condition = here & Filter.by_property("moment").greater_or_equal(last)


async def _fetch(
    collection: Any, condition: Any, order: Any, *, limit: int
) -> dict[str, dict[str, Any]]:
    answer = await collection.query.fetch_objects(
        filters=condition, sort=order, limit=limit, return_properties=list(READ)
    )
    return {str(item.uuid): dict(item.properties) for item in answer.objects}


def _terms(properties: Mapping[str, Any]) -> list[str]:
    return str(properties["terms"] or "").split()
