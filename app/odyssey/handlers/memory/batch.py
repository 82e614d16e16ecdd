"""
Batch: a conversation's messages are kept at once, and learnt from when there are enough.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from odyssey.domain.memory.derived import MESSAGE, scope_name
from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.domain.memory.scope import Scope, Tier
from odyssey.handlers.memory.needs import Needs

ROLES = {
    "user": Trust.PERSON,
    "assistant": Trust.AGENT,
    "system": Trust.AGENT,
    "tool": Trust.TOOL,
    "memory": Trust.INJECTED,
}
"""Who vouches for a message, by its role; what was taken from memory is never learnt again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message; with an `id` of the caller's, sending it twice is sending it once."""

    role: str
    content: str
    id: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batched:
    """What became of messages: their ids, the jobs they filled, how many wait for more."""

    record_ids: tuple[str, ...]
    jobs: tuple[str, ...]
    waiting: int


async def add_messages(
    tenant: Tenant,
    scope: Scope,
    messages: Sequence[Said],
    ports: Needs,
    *,
    actor: str,
    person: str | None = None,
    thread: str | None = None,
) -> Batched:
    """
    Keeps the messages of *scope*, verbatim, and batches those that may be learnt from.

    *person* and *thread* say where it was said, whatever the scope.
    """
    now = ports.now()
    records = [
        _record(one, scope, actor=actor, person=person, thread=thread, now=now) for one in messages
    ]
    # First the note, then the record, then the batch: cut off in between, nothing is learnt
    # from what nobody kept, and sending the messages again completes it.
    await ports.derived.learning.note(tenant, records, now=now)
    await ports.memory.retain(tenant, records)
    jobs, waiting = await ports.derived.conversations.add(
        tenant,
        scope_name(scope),
        [one.id for one in records if one.trust is not Trust.INJECTED],
        size=ports.derived.deriving.batch_size,
        now=now,
    )
    return Batched(record_ids=tuple(one.id for one in records), jobs=tuple(jobs), waiting=waiting)


async def flush_due(tenant: Tenant, ports: Needs) -> list[str]:
    """The jobs of the batches whose first message has waited long enough."""
    deriving, now = ports.derived.deriving, ports.now()
    return await ports.derived.conversations.flush(
        tenant, added_before=now - deriving.flush_after, size=deriving.batch_size, now=now
    )


def _record(
    said: Said,
    scope: Scope,
    *,
    actor: str,
    person: str | None,
    thread: str | None,
    now: datetime,
) -> Record:
    name = said.id or uuid.uuid4().hex
    digest = hashlib.sha256(f"{scope_name(scope)}\x1f{name}".encode("utf-8", "replace"))
    record_id = f"message:{digest.hexdigest()[:32]}"
    return Record(
        id=record_id,
        kind=MESSAGE,
        text=said.content,
        occurred_at=said.at or now,
        trust=ROLES[said.role],
        source=record_id,
        actor=person if said.role == "user" and person else actor,
        thread=scope.name if scope.tier is Tier.THREAD else thread,
        person=scope.name if scope.tier is Tier.PERSON else person,
        tier=scope.tier,
    )
