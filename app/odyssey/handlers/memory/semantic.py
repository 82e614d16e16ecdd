"""
Entries of callers: kept, and found by meaning, words and metadata.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from odyssey.domain.errors import Conflict, NotFound, Unavailable
from odyssey.domain.memory.entries import (
    entry_id_of,
    entry_record,
    entry_source,
    metadata_of,
    narrowing,
    record_id,
)
from odyssey.domain.memory.happening import stored
from odyssey.domain.memory.record import Recollection, Record, Tenant, Trust
from odyssey.domain.memory.retention import retainable, storable
from odyssey.domain.memory.scope import Scope
from odyssey.handlers.memory.forget import forget_everywhere
from odyssey.handlers.memory.structured import Item
from odyssey.ports import Ports


class EntryExists(Conflict):
    """Another entry of this tier has the id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """
    An entry that is kept.

    Without `is_id_checked` the store was away, and nobody knows whether another entry has the
    id. If one has, that one stays; the same once more tells.
    """

    entry_id: str
    is_id_checked: bool


async def add_entry(
    text: str,
    metadata: Mapping[str, Any],
    tenant: Tenant,
    ports: Ports,
    *,
    scope: Scope,
    actor: str,
    trust: Trust,
    entry_id: str | None = None,
) -> Added:
    """
    Keeps an entry, durable when this returns, also while the store is away. Repeatable.

    Raises:
        EntryExists: another entry has *entry_id*.
        MetadataRefused: the metadata cannot be kept.
    """
    name = entry_id or uuid.uuid4().hex
    record = entry_record(
        entry_id=name,
        text=text,
        metadata=metadata,
        scope=scope,
        actor=actor,
        trust=trust,
        at=ports.now(),
    )
    is_checked = entry_id is None or await _refuse_another(
        retainable(record)[0], name, tenant, ports
    )
    await ports.memory.retain(tenant, [record])
    await ports.derived.events.publish(stored(record, tenant, at=ports.now(), name=name))
    return Added(entry_id=name, is_id_checked=is_checked)


async def query_entries(
    text: str,
    tenant: Tenant,
    ports: Ports,
    *,
    scope: Scope,
    limit: int,
    metadata_filter: Mapping[str, Any] | None = None,
) -> list[Recollection]:
    """
    What *scope* holds about *text*, best first; with a filter only entries that have it all.

    Raises:
        MetadataRefused: the filter can match nothing that is kept.
        Unavailable: the store is away.
    """
    where = narrowing(metadata_filter) if metadata_filter else None
    asked = storable(text)
    return await ports.memory.recall(tenant, asked, scope=scope, limit=limit, where=where)


async def get_entry(entry_id: str, tenant: Tenant, ports: Ports, *, scope: Scope) -> Record:
    """
    The entry with this id in exactly this tier.

    Raises:
        NotFound: there is none.
        Unavailable: the store is away.
    """
    name = record_id(entry_id, scope)
    found = (await ports.memory.read(tenant, [name])).get(name)
    if found is None:
        raise _no_entry(entry_id)
    return found


async def delete_entry(entry_id: str, tenant: Tenant, ports: Ports, *, scope: Scope) -> int:
    """
    Deletes an entry and every version of what rested on it; how many rows. Repeatable.

    What other records say as well is learnt from them anew.

    Raises:
        NotFound: there is none, and nothing rests on it.
        Unavailable: the store is away, or something is there still; call again.
    """
    erased = await forget_everywhere(
        tenant,
        ports,
        source=entry_source(entry_id, scope),
        record_ids=[record_id(entry_id, scope)],
    )
    if not erased.rows.total():
        raise _no_entry(entry_id)
    return erased.rows.total()


def semantic_item(recollection: Recollection) -> Item:
    """A recollection as a result of a hybrid query."""
    record = recollection.record
    return Item(
        source_type="semantic_match",
        content={
            "id": entry_id_of(record),
            "text": record.text,
            "metadata": metadata_of(record),
            "distance": distance(recollection),
            "trust": str(record.trust),
            "matched_by": matched_by(recollection),
        },
        at=record.occurred_at,
        relevance=round(recollection.similarity, 6),
    )


def distance(recollection: Recollection) -> float:
    """1 minus the cosine: 0 for the same meaning; 1 where there are no vectors."""
    return round(1.0 - recollection.similarity, 6)


def matched_by(recollection: Recollection) -> str:
    """`meaning`, or `words` where the question or the record has no vector."""
    return "meaning" if recollection.similarity else "words"


def _no_entry(entry_id: str) -> NotFound:
    return NotFound(f"Entry {entry_id} does not exist, or you may not see it.")


async def _refuse_another(record: Record, name: str, tenant: Tenant, ports: Ports) -> bool:
    """Whether it could be looked up; then no other entry has the id."""
    try:
        known = (await ports.memory.read(tenant, [record.id])).get(record.id)
    except Unavailable:
        return False
    if known is not None and (known.text, known.attributes) != (record.text, record.attributes):
        raise EntryExists(f"entry {name} is there already with other content; choose another id")
    return True
