"""
Archival memory: what is worth keeping and not worth always having in mind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.happening import stored
from odyssey.domain.memory.record import Recollection, Record, Tenant, Trust
from odyssey.domain.memory.scope import Scope, Shelf, Tier
from odyssey.domain.memory.tasks import tier_name
from odyssey.handlers.memory.needs import Needs

MAX_TEXT = 100_000
MAX_TAGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """
    A text for the archive. `source` is where it is from; `about` the login it is about.

    `tags` are words that it is found by, too.
    """

    text: str
    trust: Trust
    actor: str | None = None
    source: str = ""
    tags: Sequence[str] = ()
    about: str | None = None


async def insert_passage(passage: Passage, tenant: Tenant, ports: Needs, *, scope: Scope) -> Record:
    """
    The record of the passage; the same text in the same tier is one. Repeatable.

    It is durable when this returns, also while the store is away; subscribers are told.

    Raises:
        Unavailable: it could not be kept.
    """
    digest = hashlib.sha256(
        f"{tier_name(scope)}\x1f{passage.text}".encode("utf-8", "replace")
    ).hexdigest()
    name = f"archival:{digest[:24]}"
    record = Record(
        id=name,
        kind="archival",
        text=passage.text,
        occurred_at=await _archived_at(name, tenant, ports),
        trust=passage.trust,
        source=passage.source or name,
        actor=passage.actor,
        thread=scope.name if scope.tier is Tier.THREAD else None,
        person=scope.name if scope.tier is Tier.PERSON else passage.about,
        tier=scope.tier,
        attributes={"title": ", ".join(passage.tags)} if passage.tags else {},
    )
    await ports.memory.retain(tenant, [record], shelf=Shelf.ARCHIVAL)
    await ports.derived.events.publish(stored(record, tenant, at=ports.now()))
    return record


async def search_passages(
    query: str, tenant: Tenant, ports: Needs, *, scope: Scope, limit: int = 10
) -> list[Recollection]:
    """
    The passages of *scope* most relevant to *query*, best first; the newest without one.

    Raises:
        Unavailable: the store is away.
    """
    return await ports.memory.recall(tenant, query, scope=scope, limit=limit, shelf=Shelf.ARCHIVAL)


async def _archived_at(name: str, tenant: Tenant, ports: Needs) -> datetime:
    try:
        kept = await ports.memory.read(tenant, [name], shelf=Shelf.ARCHIVAL)
    except Unavailable:
        return ports.now()
    # Told again it is not newer.
    return kept[name].occurred_at if name in kept else ports.now()
