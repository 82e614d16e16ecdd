"""
Semantic and hybrid queries: entries of callers, and what else is known, in one answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from odyssey.domain.errors import Conflict, Unavailable
from odyssey.domain.identifiers import RepositoryRef
from odyssey.domain.memory.entries import entry_id_of, entry_record, metadata_of, narrowing
from odyssey.domain.memory.happening import Happened, MemoryEvent
from odyssey.domain.memory.record import Recollection, Record, Tenant, Trust, login_of
from odyssey.domain.memory.retention import retainable, storable
from odyssey.domain.memory.scope import Scope, Tier
from odyssey.domain.proposal import Proposal
from odyssey.ports import Ports

LOGGED = ("validation", "merge", "rejection", "revert")
PLAN = "plan"
"""What the label of a core memory block begins with that is a plan."""
_LOOKED_AT = 20
"""How many times more rows are read than are wanted where a filter takes some away."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """
    One result of a hybrid query; `content` is JSON.

    `relevance` is a cosine for what was found by meaning, None for the rest.
    """

    source_type: str
    content: Mapping[str, Any]
    at: datetime
    relevance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How many of each kind of structured data are wanted, 0 for none, and which."""

    tasks: int = 0
    task_status: str | None = None
    logs: int = 0
    log_level: str | None = None
    plans: int = 0
    proposals: int = 0


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
    await ports.derived.events.publish(
        MemoryEvent(
            name=Happened.STORED,
            tenant=tenant,
            occurred_at=ports.now(),
            payload={"id": name, "kind": record.kind, "tier": str(scope.tier)},
        )
    )
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


async def structured(
    wanted: Wanted, repository: RepositoryRef, tenant: Tenant, ports: Ports, *, scope: Scope
) -> list[Item]:
    """
    Tasks, log entries, plans and proposals of *scope*, the newest of each.

    Raises:
        Unavailable: the store, the notebook or Redis is away.
    """
    items: list[Item] = []
    if wanted.tasks:
        items += await _tasks(wanted, tenant, ports, scope)
    if wanted.logs:
        items += await _logs(wanted, tenant, ports, scope)
    if wanted.plans:
        items += await _plans(wanted, tenant, ports, scope)
    if wanted.proposals:
        items += await _proposals(wanted, repository, ports, scope)
    return items


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


def log_level(record: Record) -> str:
    """How bad it is: what failed is an error, what was turned down a warning."""
    match record.kind:
        case "validation":
            return "ERROR"
        case "merge" if record.attributes.get("outcome") == "tampered":
            return "CRITICAL"
        case "rejection" | "revert":
            return "WARNING"
    return "INFO"


async def _refuse_another(record: Record, name: str, tenant: Tenant, ports: Ports) -> bool:
    """Whether it could be looked up; then no other entry has the id."""
    try:
        known = (await ports.memory.read(tenant, [record.id])).get(record.id)
    except Unavailable:
        return False
    if known is not None and (known.text, known.attributes) != (record.text, record.attributes):
        raise EntryExists(f"entry {name} is there already with other content; choose another id")
    return True


async def _tasks(wanted: Wanted, tenant: Tenant, ports: Ports, scope: Scope) -> list[Item]:
    limit = wanted.tasks * (_LOOKED_AT if wanted.task_status else 1)
    items = [
        Item(
            source_type="task",
            content={
                "id": each.task_id,
                "description": each.summary,
                "status": "completed" if each.success else "failed",
                "timestamp": each.learned_at.isoformat(),
            },
            at=each.learned_at,
        )
        for each in await ports.derived.tasks.newest(tenant, scope, limit=limit)
    ]
    status = (wanted.task_status or "").lower()
    return [each for each in items if status in ("", each.content["status"])][: wanted.tasks]


async def _logs(wanted: Wanted, tenant: Tenant, ports: Ports, scope: Scope) -> list[Item]:
    limit = wanted.logs * (_LOOKED_AT if wanted.log_level else 1)
    found = await ports.memory.recall(tenant, "", scope=scope, limit=limit, kinds=LOGGED)
    items = [
        Item(
            source_type="db_log",
            content={
                "id": each.record.id,
                "message": each.record.text,
                "level": log_level(each.record),
                "source": each.record.source,
                "timestamp": each.record.occurred_at.isoformat(),
            },
            at=each.record.occurred_at,
        )
        for each in found
    ]
    level = (wanted.log_level or "").upper()
    return [each for each in items if level in ("", each.content["level"])][: wanted.logs]


async def _plans(wanted: Wanted, tenant: Tenant, ports: Ports, scope: Scope) -> list[Item]:
    blocks = await ports.derived.blocks.present(tenant, scope, ())
    plans = sorted(
        (each for each in blocks if each.label.startswith(PLAN) and each.value.strip()),
        key=lambda block: block.updated_at,
        reverse=True,
    )
    return [
        Item(
            source_type="plan",
            content={
                "id": each.label,
                "description": each.value,
                "version": each.version,
                "timestamp": each.updated_at.isoformat(),
            },
            at=each.updated_at,
        )
        for each in plans[: wanted.plans]
    ]


async def _proposals(
    wanted: Wanted, repository: RepositoryRef, ports: Ports, scope: Scope
) -> list[Item]:
    limit = wanted.proposals * (1 if scope.tier is Tier.REPOSITORY else _LOOKED_AT)
    newest = await ports.proposals.newest(limit=limit, repository=repository.full_name)
    return [
        Item(
            source_type="proposal",
            content={
                "id": each.id,
                "description": each.title,
                "status": str(each.status),
                "pull_request": each.pull_number,
                "timestamp": each.created_at.isoformat(),
            },
            at=each.created_at,
        )
        for each in newest
        if _is_of(each, scope)
    ][: wanted.proposals]


def _is_of(proposal: Proposal, scope: Scope) -> bool:
    match scope.tier:
        case Tier.REPOSITORY:
            return True
        case Tier.PERSON:
            return login_of(proposal.requester) == login_of(scope.name or "")
        case Tier.THREAD:
            return scope.name in (
                f"pull/{proposal.pull_number}",
                f"issues/{proposal.issue_number}",
            )
